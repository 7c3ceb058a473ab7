// Predict mode: the next number is hidden, the reader types it and is told which factor was wrong.
import { edges, isChain, nodes, says } from "./data.js";
import { arrivals, facts, fill, steps } from "./steps.js";
import { num, shape, typed } from "./words.js";

const near = (a, b) => Number.isFinite(b) && Math.abs(a - b) <= Math.max(0.01 * Math.abs(b), 1e-12);
export const hasFactors = (k) => isChain(edges[steps[k].e]);

// What step k asks for: its number, one element of its array (the largest), or the array's shape;
// null where there is nothing to ask. With `guesses`: wrong answers and what they come from.
export function asked(k) {
  const { kind, n, e, more } = steps[k], { value, name, dtype } = nodes[n], given = facts(k), { what } = given;
  if (more.text != null || !dtype) return null;
  const { one, data, dims } = what, up = nodes[edges[e]?.dst]?.grad, question = { given, kind };
  if (one !== null)
    return Number.isFinite(one) ? { ...question, v: one, what: "the number", told: num(one), guesses: () => mistakes(k, given) } : null;
  if (!data) {
    const guesses = () => [[dims.toReversed().join(), "reversed"], [up.dims.join(), "arrives"]];
    return kind === "backward" ? { ...question, kind: "shape", v: dims.join(), what: `the shape of what ${name} receives`, told: shape(dims), guesses } : null;
  }
  const i = data.reduce((best, v, j) => (Math.abs(v) > Math.abs(data[best]) ? j : best), 0), v = data[i];
  const place = (i) => `[${dims.map((d, k) => Math.floor(i / dims.slice(k + 1).reduce((a, b) => a * b, 1)) % d).join(", ")}]`;
  const others = data.map((w, j) => [w, "element", { place: place(j) }]);
  const guesses = () => [[-v, "sign"], ...others, [up?.data?.[i], "as it is"], [kind === "backward" && value.data?.[i], "value of"]];
  return Number.isFinite(v) ? { ...question, v, what: `element ${place(i)}`, told: num(v), guesses } : null;
}

// Of one number: what comes out when the chain rule is taken for something else.
function mistakes(k, { edge, local: d, upstream: g, before, value, lr, grad }) {
  const { n, kind } = steps[k], flows = (i) => arrivals[i].map((j) => edges[steps[j].e].flow.one);
  if (kind === "update") return [[value + lr * grad, "uphill"], [value - grad, "no rate"], [lr * grad, "step"]];
  if (kind === "accumulate") return flows(n).map((w) => [w, "one use"]);
  const v = facts(k).what.one, sign = [-v, "sign"];
  if (!isChain(edge)) return [sign];
  const { inputs, value: made, id } = nodes[edge.dst], many = flows(id);
  const others = inputs.filter((o) => o !== edge && o.factor !== null).map((o) => [o.factor * g, "other", { other: nodes[o.src].name }]);
  return [sign, [g, "passed on"], ...others, [g / d, "divided"], [d, "alone"], [d * made.one, "value"],
    ...(many.length > 1 ? many.map((w) => [d * w, "part", { count: many.length }]) : []), [d + g, "added"], [before + v, "so far"]];
}

// What is wrong with an answer, "" if it is right; `local` and `up` are the reader's factors.
export function judgement(k, text, local, up) {
  const { v, kind, guesses, given } = asked(k), { value, lr } = given;
  const say = (key, more) => fill(says[key], { ...given, ...more }).map(([part]) => part).join("");
  const answer = kind === "shape" ? (text.match(/\d+/g) ?? []).join() : typed(text);
  if (Number.isNaN(answer)) return say("type");
  const is = (w) => (kind === "shape" ? w === answer : near(answer, w));
  // Of an update the step must be right, not just the sum.
  if (lr ? Math.abs(answer - v) <= Math.max(0.02 * Math.abs(v - value), 1e-4 * Math.abs(v)) : is(v)) return "";
  const wrong = [["local", local], ["upstream", up]].filter(([name, factor]) => factor && !near(typed(factor), given[name]));
  if (wrong.length) return wrong.map(([name]) => say("bad " + name)).join(" ");
  if (hasFactors(k) && local && up) return say("factors right");
  const [, key, more] = guesses().find(([w]) => is(w)) ?? [0, hasFactors(k) ? "factors" : "not " + kind];
  return say(key, more);
}
