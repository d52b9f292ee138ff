// Asks the server for its figures every two seconds, less often while it does not answer, not at all while nobody looks.

import { hideFigures, showAge, showFigures, showState } from "./view.js";
import { moment } from "./wording.js";

const EVERY = 2000; // milliseconds
const LONGEST = 30000;
const PATIENCE = 10000;
const STORED = "uic-status-key";

const at = (id) => document.getElementById(id);
let key = remembered();
let failures = 0;
let timer = 0;
let asking = null;
let lastAnswer = null;
let lastModel = "";

class LockedError extends Error {}
class RefusedError extends Error {}

/** Storage may be closed to a page in a frame: the key then lives as long as the page. */
function remembered() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

function remember(value) {
  key = value;
  try {
    if (value) {
      sessionStorage.setItem(STORED, value);
    } else {
      sessionStorage.removeItem(STORED);
    }
  } catch {
    // kept in `key`
  }
}

async function fetchStatus(signal) {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const headers = key ? { "x-api-key": key } : {};
  const answer = await fetch("status.json", { headers, signal: limit, cache: "no-store" });
  if (answer.status === 401) {
    throw new LockedError();
  }
  if (!answer.ok) {
    throw new RefusedError(`The server has answered with errors (${answer.status})`);
  }
  return answer.json();
}

async function ask() {
  clearTimeout(timer);
  asking?.abort();
  const own = (asking = new AbortController());
  try {
    const status = await fetchStatus(own.signal);
    if (own === asking) {
      answered(status);
    }
  } catch (error) {
    if (own !== asking) {
      return; // a later question has taken its place
    }
    if (error instanceof LockedError) {
      lock(key ? "The server does not accept this key." : "");
      return;
    }
    missed(error);
  }
  if (!document.hidden) {
    const wait = Math.min(EVERY * 2 ** Math.max(0, failures - 1), LONGEST);
    timer = setTimeout(ask, failures ? wait * (0.75 + Math.random() / 2) : EVERY);
  }
}

function answered(status) {
  failures = 0;
  lastAnswer = new Date();
  lastModel = status.model;
  const typed = at("key-form").contains(document.activeElement);
  at("gone").hidden = true;
  at("key-form").hidden = true;
  at("forget").hidden = !key;
  if (typed) {
    at("model").focus(); // where the field was is nothing any more
  }
  showFigures(status, Boolean(key));
  showState(status.state, status.model);
  showAge(lastAnswer, false);
}

function missed(error) {
  failures += 1;
  if (failures === 1 && lastAnswer && error.name === "TimeoutError") {
    return; // busy for once is not gone
  }
  const since = lastAnswer ? ` since ${moment(lastAnswer)}` : "";
  const what = error instanceof RefusedError ? error.message : "The server has not answered";
  at("gone").hidden = false;
  const text = `${what}${since}. This page keeps trying.`;
  at("gone-text").textContent = text;
  showState("gone", lastModel, text);
  if (lastAnswer) {
    showAge(lastAnswer, true);
  }
}

/** Shows nothing but the question for a key. */
function lock(why) {
  clearTimeout(timer);
  asking?.abort();
  asking = null;
  remember("");
  failures = 0;
  lastAnswer = null;
  hideFigures();
  showState("locked", "", why);
  at("gone").hidden = true;
  at("forget").hidden = true;
  at("key-form").hidden = false;
  at("key-wrong").textContent = why;
  at("key").setAttribute("aria-invalid", String(Boolean(why)));
  at("key").focus();
}

at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = at("key").value.trim();
  at("key").value = "";
  if (/^[!-~]+$/.test(typed)) {
    remember(typed);
    ask();
  } else {
    lock("A key has no blanks and no special characters."); // and no header could carry it
  }
});
at("forget").addEventListener("click", () => lock(""));
at("retry").addEventListener("click", ask);
addEventListener("online", ask);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
  } else if (at("key-form").hidden) {
    ask();
  }
});

if (document.documentElement.dataset.key === "needed" && !key) {
  lock("");
} else {
  ask();
}
