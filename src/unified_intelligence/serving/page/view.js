// What the server told, on the page. Every word of it is set as text, never as markup.

import { Sparkline } from "./sparkline.js";
import * as wording from "./wording.js";

const FEW = 8; // errors that are shown at first; page.css and adapted.css have the same number
const at = (id) => document.getElementById(id);
const lines = {
  running: new Sparkline(at("running")),
  waiting: new Sparkline(at("waiting")),
  tokens: new Sparkline(at("tokens")),
  memory: new Sparkline(at("memory")),
};

/** Sets a text where it differs, so that a selection stays and a screen reader is told of changes only. */
function say(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

function made(name, text, attributes = {}) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value);
  }
  element.textContent = text;
  return element;
}

function measured(element, [number, unit]) {
  const text = `${number} ${unit}`;
  if (element.textContent !== text) {
    element.replaceChildren(number, " ", made("span", unit, { class: "unit" }));
  }
}

/** Builds the rows again only when what they show has changed. */
function rows(body, shown, build) {
  const state = JSON.stringify(shown);
  if (body.shown !== state) {
    body.shown = state;
    body.replaceChildren(...shown.map(build));
  }
}

function showNow(status) {
  say(at("running"), wording.count(status.running));
  say(at("running-limit"), `of ${wording.count(status.limits.running)} at once`);
  say(at("waiting"), wording.count(status.waiting));
  say(at("waiting-limit"), `of ${wording.count(status.limits.waiting)} places`);
  say(at("tokens"), wording.short(status.tokens.completion_per_second));
  say(at("prompt-tokens"), `of answers; ${wording.short(status.tokens.prompt_per_second)} of prompts`);
  measured(at("memory"), wording.bytes(status.memory.resident_bytes));
  const now = performance.now();
  lines.running.add(now, status.running, status.limits.running);
  lines.waiting.add(now, status.waiting, Math.min(status.limits.waiting, 8) || 1);
  lines.tokens.add(now, status.tokens.completion_per_second, 1);
  lines.memory.add(now, status.memory.resident_bytes, 1);
}

function showRequests(status) {
  const { outcomes, per_second: rate } = status.requests;
  const total = Object.values(outcomes).reduce((sum, one) => sum + one, 0);
  const note = total
    ? `${wording.count(total)} since the start, ${wording.short(rate)} answered per second`
    : "No request has come yet.";
  say(at("requests-note"), note);
  const names = Object.keys(wording.OUTCOMES);
  rows(at("shares"), names.map((name) => [name, outcomes[name]]).filter(([, many]) => many), ([name, many]) => {
    const part = made("span", "", { class: name });
    part.style.flexGrow = many;
    return part;
  });
  rows(at("outcomes"), names.map((name) => [name, outcomes[name], total]), ([name, many]) => {
    const row = made("tr", "");
    row.append(
      made("th", wording.OUTCOMES[name], { scope: "row", class: many ? name : "none" }),
      made("td", wording.count(many)),
      made("td", wording.share(many, total), { class: "share" }),
    );
    return row;
  });
  const reasons = Object.entries(wording.REJECTIONS).filter(([name]) => status.rejections[name]);
  const told = reasons.map(([name, words]) => `${wording.count(status.rejections[name])} ${words}`);
  say(at("rejections"), told.length ? `Sent away: ${told.join(", ")}.` : "");
}

function showLatency({ latency }) {
  const note = latency.answers
    ? `over the last ${wording.counted(latency.answers, "answer", "answers")}`
    : "No answer has been made yet.";
  say(at("latency-note"), note);
  const names = Object.keys(wording.LATENCIES);
  const spread = ({ p50, p90, p99 }) => wording.spread([p50, p90, p99]);
  rows(at("latency"), names.map((name) => [name, ...spread(latency[name])]), ([name, ...cells]) => {
    const row = made("tr", "");
    row.append(made("th", wording.LATENCIES[name], { scope: "row" }), ...cells.map((text) => made("td", text)));
    return row;
  });
}

function showBuild({ about, models = [] }) {
  const known = Object.keys(wording.BUILD).filter((name) => name in about);
  const others = Object.keys(about).filter((name) => !(name in wording.BUILD));
  const pairs = [...known, ...others].map((name) => {
    const value = about[name];
    const text = value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? wording.NONE);
    return [wording.BUILD[name] ?? name.replaceAll("_", " "), text || wording.NONE];
  });
  pairs.push(...models.map((one) => [`model ${one.model}`, wording.model(one)]));
  rows(at("build"), pairs, ([name, text]) => {
    const pair = made("div", "");
    pair.append(made("dt", name), made("dd", text));
    return pair;
  });
}

function showErrors({ errors }) {
  say(at("errors-note"), errors.length ? "" : "None since the start.");
  at("errors-table").hidden = errors.length === 0;
  at("all-errors").hidden = errors.length <= FEW;
  sayOfAll(errors.length);
  const shown = errors.map((error) => ({ ...error, moment: wording.moment(new Date(error.time)) }));
  rows(at("errors"), shown, (error) => {
    const row = made("tr", "", { role: "row" });
    const when = made("td", "", { role: "cell" });
    when.append(made("time", error.moment, { datetime: error.time }));
    const route = !error.route || error.route === "unmatched" ? wording.NONE : error.route;
    row.append(
      when,
      made("td", String(error.status), { role: "cell" }),
      made("td", error.code, { role: "cell", class: "code" }),
      made("td", route, { role: "cell", class: "route" }),
      made("td", error.request_id, { role: "cell", class: "request" }),
    );
    return row;
  });
}

/** `keyed` tells that a link to the figures would lead to a refusal. */
export function showFigures(status, keyed) {
  say(at("model"), status.model);
  const { backend, version } = status.about;
  const summary = [backend && `by ${backend}`, version && `version ${version}`, `up\u00a0${wording.duration(status.uptime)}`];
  say(at("summary"), summary.filter(Boolean).join(", "));
  for (const show of [showNow, showRequests, showLatency, showBuild, showErrors]) {
    show(status);
  }
  at("figures").hidden = false;
  at("raw").hidden = keyed;
}

/** Takes the figures away, for a server that wants a key first. */
export function hideFigures() {
  at("figures").hidden = true;
  at("raw").hidden = true;
  say(at("model"), "Status");
  say(at("summary"), "");
  say(at("as-of"), "");
  for (const line of Object.values(lines)) {
    line.clear();
  }
}

function sayOfAll(many) {
  const all = at("all-errors").getAttribute("aria-expanded") === "true";
  at("errors-table").classList.toggle("few", !all);
  say(at("all-errors"), all ? `Show the last ${FEW}` : `Show all ${wording.count(many)}`);
}

at("all-errors").addEventListener("click", () => {
  const all = at("all-errors").getAttribute("aria-expanded") === "true";
  at("all-errors").setAttribute("aria-expanded", String(!all));
  sayOfAll(at("errors").rows.length);
});

export function showAge(date, stale) {
  say(at("as-of"), stale ? `old figures, from ${wording.moment(date)}` : `as of ${wording.time(date)}, rates over a minute`);
}

/** `state` is one of wording.STATES, `model` what the title names, `told` what a screen reader says of the change. */
export function showState(state, model = "", told = "") {
  const words = wording.STATES[state] ?? state;
  document.documentElement.dataset.state = state;
  at("state").dataset.state = state;
  say(at("state"), words);
  say(at("told"), told || words);
  document.title = model ? `${words}: ${model}` : `${words}: status`;
}
