// Predict mode: the next number is hidden, the reader types it and is told which factor was wrong.
import { says } from "./data.js";
import { facts, fill, flows } from "./steps.js";
import { num, shape, typed } from "./words.js";

const near = (a, b) => Number.isFinite(b) && Math.abs(a - b) <= Math.max(0.01 * Math.abs(b), 1e-12);

// What a step asks for: its number, one element of its array (the largest), or the array's shape;
// null where there is nothing to ask. `guesses` are wrong answers and what they come from.
export function asked(step) {
  const { node, edge, text } = step, up = edge?.dst.grad;
  if (text || !node.dtype) return null;
  const given = facts(step), { one, data, dims } = given.what;
  const ask = (v, what, told, guesses, kind = step.kind) => ({ v, what, told, guesses, kind, given });
  if (one !== null) return Number.isFinite(one) ? ask(one, "the number", num(one), mistakes(step, given)) : null;
  if (!data)
    return edge ? ask(dims.join(), `the shape of what ${node.name} receives`, shape(dims), [[dims.toReversed().join(), "reversed"], [up.dims.join(), "arrives"]], "shape") : null;
  const i = data.reduce((best, v, j) => (Math.abs(v) > Math.abs(data[best]) ? j : best), 0), v = data[i];
  const place = (i) => `[${dims.reduceRight(([rest, at], d) => [Math.floor(rest / d), [rest % d, ...at]], [i, []])[1].join(", ")}]`;
  const others = data.map((w, j) => [w, "element", { place: place(j) }]), from = edge ? [[up.data?.[i], "as it is"], [node.value.data?.[i], "value of"]] : [];
  return Number.isFinite(v) ? ask(v, `element ${place(i)}`, num(v), [[-v, "sign"], ...others, ...from]) : null;
}

// Of one number: what comes out when the chain rule is taken for something else.
function mistakes({ kind, node, edge }, { what, local: d, upstream: g, value, lr, grad }) {
  const v = what.one, sign = [-v, "sign"];
  if (kind === "update") return [[value + lr * grad, "uphill"], [value - grad, "no rate"], [lr * grad, "step"]];
  if (kind === "accumulate") return flows(node).map((w) => [w, "one use"]);
  if (!edge?.isChain) return [sign];
  const { inputs, value: made } = edge.dst, many = flows(edge.dst), count = many.length;
  const others = inputs.filter((o) => o !== edge && o.factor !== null).map((o) => [o.factor * g, "other", { other: o.src.name }]);
  const parts = count > 1 ? many.map((w) => [d * w, "part", { count }]) : [];
  return [sign, [g, "passed on"], ...others, [g / d, "divided"], [d, "alone"], [d * made.one, "value"], ...parts, [d + g, "added"], [edge.before + v, "so far"]];
}

// What is wrong with an answer, "" if it is right; `local` and `upstream` are the reader's factors.
export function judgement(step, text, local, upstream) {
  const { v, kind, guesses, given } = asked(step), { value, lr } = given, isShape = kind === "shape", isChain = step.edge?.isChain;
  const say = (key, more) => fill(says[key], { ...given, ...more }).map(([part]) => part).join("");
  const answer = isShape ? (text.match(/\d+/g) ?? []).join() : typed(text), is = (w) => (isShape ? w === answer : near(answer, w));
  if (Number.isNaN(answer)) return say("type");
  // Of an update the step must be right, not just the sum.
  if (lr ? Math.abs(answer - v) <= Math.max(0.02 * Math.abs(v - value), 1e-4 * Math.abs(v)) : is(v)) return "";
  const wrong = Object.entries({ local, upstream }).filter(([name, factor]) => factor && !near(typed(factor), given[name]));
  if (wrong.length) return wrong.map(([name]) => say("bad " + name)).join(" ");
  if (isChain && local && upstream) return say("factors right");
  const [, key, more] = guesses.find(([w]) => is(w)) ?? [0, isChain ? "factors" : "not " + kind];
  return say(key, more);
}
