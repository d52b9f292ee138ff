// Figures and states in words, the same on every machine: English, 24 hours, a comma for thousands.

export const NONE = "\u2013";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export function count(number) {
  return whole.format(number);
}

export function counted(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Three digits that mean something: 0.123, 1.23, 12.3, 123, 1,234. */
export function short(number) {
  if (number === 0) {
    return "0";
  }
  const digits = Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(number)))));
  return new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(number);
}

/** Seconds, all in the smallest unit in which the last has four digits at most: the numbers, and then the unit. */
export function spread(values) {
  const last = values.at(-1);
  if (last === null || last === undefined) {
    return [...values.map(() => NONE), ""];
  }
  const [unit, scale] = last < 0.009995 ? ["\u00b5s", 1e6] : last < 9.995 ? ["ms", 1e3] : ["s", 1];
  return [...values.map((value) => short(value * scale)), unit];
}

/** Bytes as [number, unit]. */
export function bytes(value) {
  return value < GIB ? [count(value / MIB), "MiB"] : [short(value / GIB), "GiB"];
}

/** How long, in its two largest parts: "3 h 12 min". */
export function duration(value) {
  let rest = Math.floor(value);
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const many = Math.floor(rest / size);
    rest -= many * size;
    if (many || (unit === "s" && !parts.length)) {
      parts.push(`${many}\u00a0${unit}`);
    } else if (parts.length) {
      break;
    }
    if (parts.length === 2) {
      break;
    }
  }
  return parts.join(" ");
}

export function time(date) {
  return clock.format(date);
}

/** The time, with the day before it unless that is today. */
export function moment(date) {
  const today = date.toDateString() === new Date().toDateString();
  return today ? time(date) : `${day.format(date)}, ${time(date)}`;
}

/** A share in percent; one that is not nothing does not look like nothing. */
export function share(part, total) {
  if (!total) {
    return NONE;
  }
  const percent = (part / total) * 100;
  return part && percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
}

export const STATES = {
  waiting: "Connecting",
  locked: "Key needed",
  loading: "Loading",
  ready: "Ready",
  failed: "Failed",
  draining: "Shutting down",
  gone: "No answer",
};

export const OUTCOMES = {
  answered: "Answered",
  refused: "Refused",
  failed: "Failed",
  left: "Left by the client",
};

export const LATENCIES = {
  first_token: "First token",
  between_tokens: "Between tokens",
  total: "Whole answer",
};

export const REJECTIONS = {
  queue: "by a full queue",
  key: "by the limit of a key",
  wait: "after waiting too long",
  drain: "while shutting down",
};

export const BUILD = {
  model: "Model",
  backend: "Backend",
  revision: "Revision",
  version: "Version",
  digest: "Digest",
};

/** One of several models in a line. */
export function model({ state, running, waiting, answers }) {
  return `${state}, ${count(running)} running, ${count(waiting)} queued, ${counted(answers, "answer", "answers")}`;
}
