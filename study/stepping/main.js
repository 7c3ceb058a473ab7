// The transport: where we are, the keys and buttons that move us, and the address that says so.
import { $, edges, loss, nodes } from "./data.js";
import { inspect, make } from "./inspector.js";
import { showPaths } from "./paths.js";
import { asked, judgement } from "./predict.js";
import { mark, paintEdge, paintNode, pane, relabel, setZoom, show, svg } from "./stage.js";
import { GRAINS, completed, last, nextStop, phaseOf, previousStop, steps, tell } from "./steps.js";
import { canChange, changed, recompute } from "./whatif.js";
import { num, typed } from "./words.js";

// Where we are, how far a step goes, what is selected, whose paths are shown, what is asked.
let at = 0, grain = 0, pinned = null, path = null, asking = null, timer = 0, writing = 0;

const here = () => pinned ?? steps[at].edge ?? steps[at].node;
const node = () => here().src ?? here();
const toStep = (k) => Math.min(Math.max(Math.round(k) || 0, 0), last);
const sentence = (all) => $("sentence").replaceChildren(...all.map(([text, kind = ""]) => make("span." + kind.replace(" ", "."), text)));

// Go to a step; the steps after `from` are told as the current ones.
function go(to, from = to - 1) {
  to = toStep(to);
  from = toStep(Math.min(from, to - 1));
  const between = steps.slice(Math.min(at, to) + 1, Math.max(at, to) + 1);
  at = to;
  asking = null;
  point(steps.slice(from + 1, at + 1)); // measures what is drawn, so before anything changes
  for (const each of new Set(between.map((s) => s.node))) paintNode(each, at);
  for (const { edge } of between) if (edge) paintEdge(edge, at);
  $("question").hidden = true;
  sentence(tell(steps[at], at - from > 1 ? grain : 0));
  $("slider").value = at;
  $("place").textContent = `${at} / ${last}`;
  for (const tab of $("phases").children) tab.classList.toggle("on", tab.dataset.phase === phaseOf(steps[at]));
  $("first").disabled = $("back").disabled = !at;
  $("next").disabled = $("last").disabled = at === last;
  look();
}

// Mark what some steps are about.
function point(now) {
  if (now.length) show(now.at(-1).node);
  mark("cur", now.flatMap(({ node, dst, edge }) => [node, dst, edge]));
}

// The inspector, the selection and the address.
function look() {
  inspect(here(), at, choose);
  mark("sel", [pinned]);
  showPaths(path, at, $("predict").checked);
  clearTimeout(writing);
  writing = setTimeout(() => {
    const said = new URLSearchParams({ step: at, by: GRAINS[grain] });
    if (pinned) said.set(pinned.src ? "edge" : "node", pinned.id);
    if (path) said.set("paths", path.id);
    for (const [leaf, v] of changed) said.append("if", `${leaf.id}:${v}`);
    try { history.replaceState(null, "", "#" + said); } catch { } // a frame has no address
  }, 300);
}

function choose(item = null) {
  pinned = item;
  look();
  if (!item) return;
  show(item);
  $("spoken").textContent = $("about").querySelector("h2").textContent;
}

function run() {
  const { born, sent } = here(), all = [born, sent, completed(node())].filter(Boolean);
  jump(all.find((k) => k > at) ?? all[0]);
}

function jump(k) {
  play(false);
  go(k);
}

function setPath(to) {
  path = to;
  look();
}

// All numbers anew, with the leaf as typed; with nothing typed, as it was.
function whatIf() {
  const text = $("whatif").value, v = typed(text);
  if ($("whatif").ariaInvalid = text.trim() !== "" && Number.isNaN(v)) return;
  text.trim() ? changed.set(here(), v) : changed.delete(here());
  anew();
  go(at);
}

function anew() {
  recompute();
  for (const each of nodes) paintNode(each, at);
  for (const edge of edges) if (edge.flow) paintEdge(edge, at), relabel(edge);
  $("loss").textContent = num(loss.value.one);
}

// ---- moving ------------------------------------------------------------------------------------

function next() {
  const predict = $("predict").checked, asks = predict && at < last && asked(steps[at + 1]);
  if (at === last || asks) play(false);
  asks ? ask(steps[at + 1]) : go(nextStop(at, predict ? 0 : grain), at);
}

function previous() {
  const to = previousStop(at, grain);
  play(false);
  go(to, previousStop(to, grain));
}

function play(on = !timer) {
  clearInterval(timer);
  if (on && at === last) go(0);
  timer = on && setInterval(next, 900);
  $("play").classList.toggle("on", on);
  $("play").ariaLabel = on ? "pause" : "play";
  $("sentence").ariaLive = on ? "off" : "polite";
}

// ---- predict mode ------------------------------------------------------------------------------

function ask(step) {
  asking = step;
  point([step]);
  const told = tell(step).filter(([, kind]) => kind !== "tail");
  sentence(told.map(([text, kind]) => (/result|hide/.test(kind) ? ["?", "blank"] : [text, kind])));
  $("question").reset();
  $("asked").textContent = asked(step).what;
  judge("", "");
  $("answer").focus();
}

function judge(text, kind) {
  $("question").hidden = false;
  $("factors").hidden = kind !== "wrong" || !asking.edge?.isChain;
  $("verdict").textContent = text;
  $("verdict").className = kind;
}

function check(event) {
  event.preventDefault();
  if (!asking) return next();
  const wrong = judgement(asking, $("answer").value, $("local").value, $("upstream").value);
  wrong ? judge(wrong, "wrong") : reveal("Right");
}

function reveal(how) {
  if (!asking) return;
  const text = `${how}: ${asked(asking).told}. → goes on.`;
  go(asking.k);
  judge(text, "right");
  pane.focus();
}

// ---- the address, selection --------------------------------------------------------------------

function follow() {
  const said = new URLSearchParams(location.hash.slice(1)), to = nodes[parseInt(said.get("paths"))];
  pinned = edges[parseInt(said.get("edge"))] ?? nodes[parseInt(said.get("node"))] ?? null;
  path = to && completed(to) ? to : null;
  setGrain(Math.max(GRAINS.indexOf(said.get("by")), 0));
  const before = changed.size;
  changed.clear();
  for (const [leaf, v] of said.getAll("if").map((text) => text.split(":"))) {
    if (canChange(nodes[leaf] ?? {}) && !Number.isNaN(typed(v ?? ""))) changed.set(nodes[leaf], typed(v));
  }
  if (before || changed.size) anew();
  go(said.get("step"));
  if (pinned) show(pinned);
}

function setGrain(i) {
  $("grain" + (grain = i)).checked = true;
}

function find() {
  const text = $("find").value.trim(), has = ({ name, path, op }) => `${name} ${path} ${op}`.includes(text);
  const found = text && (nodes.find(({ name }) => name === text) ?? nodes.find(has));
  if (found) choose(found);
  $("find").ariaInvalid = !!text && !found;
}

// ---- keys and buttons --------------------------------------------------------------------------

const clicks = {
  play, run, back: previous, first: () => jump(0), last: () => jump(last), next: () => (play(false), next()),
  before: () => choose(nodes.at(node().id - 1)), after: () => choose(nodes[node().id + 1] ?? nodes[0]),
  ways: () => setPath(!path && completed(node()) ? node() : null),
  smaller: () => setZoom(0.8), bigger: () => setZoom(1.25), fit: () => setZoom(),
  show: () => reveal("It is"), predict: () => (go(at), $("predict").checked && next()),
  leave: () => (asking ? go(at) : path ? setPath(null) : choose()),
};
GRAINS.forEach((_, i) => clicks["grain" + i] = () => (setGrain(i), look()));
for (const id in clicks) $(id).addEventListener("click", () => clicks[id]());
for (const tab of $("phases").children) {
  tab.style.flexGrow = tab.dataset.size;
  tab.addEventListener("click", () => jump(steps.findIndex(({ kind }) => kind === tab.dataset.phase)));
}

// A key presses the button, or enters the field, that bears it as data-key.
addEventListener("keydown", (event) => {
  const { target, key } = event, writes = ({ type }) => /text|search/.test(type);
  const bearer = document.querySelector(`[data-key~="${CSS.escape(key === " " ? "space" : key.toLowerCase())}"]`);
  if (writes(target)) return key === "Escape" && target.blur();
  if (!bearer || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/BUTTON|INPUT/.test(target.tagName) && /^(Enter| )$/.test(key)) return;
  if (key !== "Escape") event.preventDefault(); // which also closes what is open
  writes(bearer) ? bearer.focus() : bearer.click();
});

$("slider").max = last;
$("slider").addEventListener("input", () => jump($("slider").value));
$("question").addEventListener("submit", check);
$("find").addEventListener("change", find);
$("whatif").addEventListener("change", whatIf);
addEventListener("hashchange", follow);

// A click on the graph; lines are thin, so a few pixels beside one will do.
svg.addEventListener("click", ({ clientX: x, clientY: y }) => {
  const hit = [0, 5, -5].flatMap((d) => [[d, 0], [0, d]]).map(([dx, dy]) => document.elementFromPoint(x + dx, y + dy)?.closest(".n, .w, .l")).find(Boolean);
  choose(hit && (hit.id[0] === "n" ? nodes : edges)[hit.id.slice(1)]);
});

for (const each of nodes) paintNode(each, 0);
follow();
