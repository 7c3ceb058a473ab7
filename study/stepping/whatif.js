// What if a leaf had another value: forward and backward, computed again by the engine's records.
import { edges, fits, loss, nodes, scale } from "./data.js";
import { ops } from "./ops.js"; // written for each page by study/page_ops.py
import { flows, sumUp } from "./steps.js";

export const changed = new Map(); // a leaf: the value that it has instead of its own
const own = nodes.map(({ value }) => value.one);

export const canChange = ({ kind }) => ops && /param|input/.test(kind);

const set = (values, v) => Object.assign(values, { one: v, data: [v], norm: Math.abs(v) });
const odd = (v) => !Number.isFinite(v);

export function recompute() {
  for (const node of nodes) {
    const { id, op, inputs, value, dtype } = node, given = inputs.map(({ src }) => src.value.one);
    set(value, op ? fits(dtype)(ops[op].forward(...given)) : changed.get(node) ?? own[id]);
    node.problem = op && odd(value.one) && !given.some(odd) ? `${op} made ${value.one} of finite numbers` : "";
  }
  // Newest first: when a node's turn comes, all that its gradient is the sum of has arrived.
  for (const node of nodes.toReversed()) {
    const { inputs, value, grad, dtype, op, update } = node, given = inputs.map(({ src }) => src.value.one);
    if (!grad) continue;
    set(grad, node === loss ? 1 : fits(dtype)(flows(node).reduce((a, b) => a + b)));
    inputs.forEach((edge, slot) => {
      if (!edge.flow) return;
      const rule = (g) => fits(edge.src.dtype)(ops[op].rules[slot](g, value.one, ...given));
      edge.factor = rule(1);
      set(edge.flow, rule(grad.one));
    });
    if (update) Object.assign(update, { value: value.one, grad: grad.one, next: fits(dtype)(value.one - update.lr * grad.one) });
  }
  scale.strongest = Math.max(0, ...edges.map(({ flow }) => flow?.norm).filter(Number.isFinite));
  sumUp();
}
