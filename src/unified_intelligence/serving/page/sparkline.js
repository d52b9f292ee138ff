// A line of the last minutes, from the figures this page has seen. It says nothing the number beside it does not.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 28;
const SHORTEST = 60 * 1000; // milliseconds that the width stands for, at first
const SPAN = 4 * 60 * 1000; // and at last
const BREAK = 45 * 1000; // a longer silence is a gap in the line

export class Sparkline {
  #points = [];
  #line;
  #area;

  /** `beside` is the number in its list. */
  constructor(beside) {
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("class", "sparkline");
    this.#area = drawing.appendChild(document.createElementNS(SVG, "path"));
    this.#area.setAttribute("class", "area");
    this.#line = drawing.appendChild(document.createElementNS(SVG, "path"));
    this.#line.setAttribute("class", "line");
    const place = document.createElement("dd"); // the only thing that may stand beside one
    place.setAttribute("aria-hidden", "true");
    place.append(drawing);
    beside.parentElement.append(place);
  }

  /** `floor` is the least that the top of the drawing stands for. */
  add(at, value, floor) {
    this.#points.push([at, value]);
    this.#points = this.#points.filter(([then]) => at - then <= SPAN);
    const top = Math.max(floor, ...this.#points.map(([, one]) => one)) * 1.1;
    const span = Math.max(SHORTEST, at - this.#points[0][0]);
    const runs = [];
    let before = -Infinity;
    for (const [then, one] of this.#points) {
      if (then - before > BREAK) {
        runs.push([]);
      }
      before = then;
      const across = WIDTH * (1 - (at - then) / span);
      const up = HEIGHT - 1 - (HEIGHT - 2) * (one / top);
      runs.at(-1).push(`${across.toFixed(1)},${up.toFixed(1)}`);
    }
    const edge = (point) => point.split(",")[0];
    const closed = (run) => `M${edge(run[0])},${HEIGHT}L${run.join("L")}L${edge(run.at(-1))},${HEIGHT}Z`;
    this.#line.setAttribute("d", runs.map((run) => `M${run.join("L")}`).join(""));
    this.#area.setAttribute("d", runs.map(closed).join(""));
  }

  clear() {
    this.#points = [];
    this.#line.setAttribute("d", "");
    this.#area.setAttribute("d", "");
  }
}
