// Predict mode: the next number is hidden, the reader types it and is told which factor was wrong.
import { edges, isChain, nodes, says, upstream } from "./data.js";
import { arrivals, before, steps } from "./steps.js";
import { num } from "./words.js";

const near = (a, b, slack = 1e-12) => Math.abs(a - b) <= Math.max(0.01 * Math.abs(b), slack);
const flows = (n) => arrivals[n].map((k) => edges[steps[k].e].flow.one);

// The number that a step adds, or null where it is not a single finite one.
export function hidden(k) {
  const { kind, n, e, more } = steps[k], { value, grad } = nodes[n];
  const v = more?.text !== undefined ? (more.plain ? more.next : null) : kind === "forward" ? value.one : kind === "backward" ? edges[e].flow.one : grad.one;
  return Number.isFinite(v) ? v : null;
}

export const hasFactors = (k) => steps[k].kind === "backward" && isChain(edges[steps[k].e]);

export function isRight(k, answer) {
  const v = hidden(k), { more } = steps[k];
  if (!more?.plain) return near(answer, v);
  return Math.abs(answer - v) <= Math.max(0.02 * Math.abs(v - more.value), 1e-4 * Math.abs(v));
}

// Why an answer is wrong; `local` and `up` are the reader's factors, NaN where none was typed.
export function diagnose(k, answer, local, up) {
  const { kind, n, e, more } = steps[k], node = nodes[n], v = hidden(k), is = (w) => near(answer, w);
  const speak = (key, ...given) => says[key].replace(/\{(\d)\}/g, (_, i) => given[i]);
  if (kind === "update") {
    const { value, lr, grad } = more, step = lr * grad;
    return speak(is(value + step) ? "uphill" : is(value - grad) ? "no rate" : is(step) ? "step" : "update", num(lr), num(value), num(grad));
  }
  if (kind === "accumulate") return speak(flows(n).some(is) ? "one use" : "sum", flows(n).length);
  if (kind !== "backward") return speak(v && is(-v) ? "sign" : kind, node.op, node.formula);
  if (!hasFactors(k)) return speak("sum");
  const edge = edges[e], dst = nodes[edge.dst], g = upstream(edge).one, d = edge.factor, many = flows(edge.dst);
  const localIs = speak("local", edge.rule.replace(/^.*= /, ""), num(d)), upIs = speak("upstream", dst.name, num(g));
  const other = dst.inputs.find((o) => o !== edge && o.factor !== null && is(o.factor * g));
  const wrong = (typed, is, text) => (Number.isNaN(typed) || near(typed, is) ? "" : text);
  const typed = [wrong(local, d, localIs), wrong(up, g, upIs)].filter(Boolean).join(" ");
  if (typed) return typed;
  if (near(local, d) && near(up, g)) return speak("product");
  if (v && is(-v)) return speak("sign");
  if (is(g)) return localIs + speak("passed on");
  if (other) return localIs + speak("other", nodes[other.src].name);
  if (d && is(g / d)) return localIs + speak("divided");
  if (is(d)) return upIs + speak("alone");
  if (is(d * (dst.value.one ?? NaN))) return upIs + speak("value", dst.name);
  if (many.length > 1 && many.some((c) => is(d * c))) return upIs + speak("part", many.length);
  return speak(is(d + g) ? "added" : is(before(k) + v) ? "so far" : "factors");
}
