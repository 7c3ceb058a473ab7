"""The look of the report: one style sheet, light and dark, from 320 pixels up, and for paper.
Blue and orange carry the meaning and differ in lightness too; nothing is told by colour alone.
"""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f5f2; --card: #ffffff; --ink: #1c1e21; --soft: #5d6470; --line: #dfdcd5;
  --blue: #2166ac; --orange: #b35806; --wash: #eef3f9; --warn: #fdf1e3; --warn-line: #a04a00;
  --bad: #fbecef; --bad-line: #b3173f; --good-line: #1b7a4b; --mark: #fff8ea;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b8578f; --c4: #2f96cf; --c5: #c98500;
  --c6: #7a5195; --c7: #777777;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e23; --ink: #e8e6e1; --soft: #a3aab6; --line: #363b44;
    --blue: #67a9cf; --orange: #f1a340; --wash: #1f2c3a; --warn: #2e2519; --warn-line: #f1a340;
    --bad: #331c24; --bad-line: #ff7d9d; --good-line: #5cc592; --mark: #26292f;
    --c0: #4aa8e0; --c1: #ff8a3d; --c2: #2fc79a; --c3: #e39ac4; --c4: #8fd0f5; --c5: #f0b429;
    --c6: #b796d6; --c7: #a8a8a8;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 78rem; background: var(--page);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere; text-wrap: pretty;
  display: grid; grid-template-columns: 12.5rem minmax(0, 1fr); gap: 0 2.5rem;
}
main { min-width: 0; }
nav { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem);
  overflow-y: auto; font-size: .875rem; line-height: 1.35; }
nav p { margin: 0 0 .6rem; color: var(--soft); font-weight: 600; }
nav ol { list-style: none; margin: 0; padding: 0; border-left: 1px solid var(--line); }
nav a { display: grid; grid-template-columns: 1.35rem 1fr auto; gap: 0 .25rem;
  padding: .32rem .3rem .32rem .8rem; color: var(--soft); text-decoration: none; }
nav a:hover, nav a:focus-visible { color: var(--ink); text-decoration: underline; }
nav .sign { font-weight: 700; }
.num { font-variant-numeric: tabular-nums; }
header { margin-bottom: 1.75rem; }
.eyebrow { margin: 0 0 .1rem; color: var(--soft); font-size: .875rem; }
h1 { margin: 0 0 .5rem; font-size: 2.2rem; line-height: 1.15; letter-spacing: -.02em; }
h2 { margin: 0 0 1rem; font-size: 1.3rem; line-height: 1.3; letter-spacing: -.005em;
  display: flex; gap: .7rem; align-items: baseline; }
h2 .step { flex: none; font-size: .95rem; color: var(--blue); border: 1.5px solid var(--blue);
  border-radius: 50%; width: 1.8rem; height: 1.8rem; line-height: 1.6rem; text-align: center;
  align-self: center; font-variant-numeric: tabular-nums; letter-spacing: 0; }
h3 { margin: 0 0 .6rem; font-size: 1rem; line-height: 1.4; }
p { margin: 0 0 .8rem; max-width: 46rem; }
ul, ol { margin: 0 0 .8rem; padding-left: 1.15rem; max-width: 46rem; }
li { margin: 0 0 .25rem; }
.lead { font-size: 1.12rem; color: var(--soft); }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
a { color: var(--blue); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
section, .notice {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.5rem 1.6rem; margin: 0 0 1.25rem;
}
section > :last-child, .panel > :last-child, .told > :last-child, details > :last-child {
  margin-bottom: 0; }
.notice { background: var(--warn); border-color: var(--warn-line); }
.notice p { margin: 0; }
.verdict { border-top: 4px solid var(--blue); }
.note-verdict { border-top-color: var(--good-line); }
.warning-verdict { border-top-color: var(--warn-line); }
.error-verdict { border-top-color: var(--bad-line); }
.verdict .headline { font-size: 1.45rem; line-height: 1.3; font-weight: 600; margin-bottom: 1rem;
  letter-spacing: -.01em; max-width: 40rem; }
.verdict .headline .level { margin-right: .5rem; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1rem; margin: 0 0 1.2rem; }
.tiles div { border-left: 3px solid var(--line); padding-left: .8rem; }
.tiles .main { border-color: var(--blue); }
.tiles dt { color: var(--soft); font-size: .875rem; line-height: 1.35; }
.tiles dd { margin: 0; font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles dd.words { font-size: 1.1rem; line-height: 1.35; padding: .3rem 0 .1rem; }
.tiles dd.note { font-size: .875rem; color: var(--soft); line-height: 1.4; }
.steps-do { display: grid; grid-template-columns: 4.6rem minmax(0, 1fr); gap: .15rem 1rem;
  margin: 0 0 1rem; }
.steps-do dt { color: var(--soft); font-size: .875rem; line-height: 1.75; }
.steps-do dd { margin: 0; min-width: 0; }
.steps-do p, .steps-do ul { margin-bottom: .55rem; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem 1.75rem;
  margin-bottom: 1rem; }
.panel { border-top: 1px solid var(--line); margin-top: 1.2rem; padding-top: 1.1rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: .9375rem; margin-bottom: .35rem; }
svg { display: block; width: 100%; height: auto; }
.chart { max-width: 34rem; }
.strip { max-width: 36rem; margin-bottom: .5rem; }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
.strip text { fill: var(--soft); font-size: 13px; }
.strip text.strong { fill: var(--ink); font-weight: 600; }
.f-ink { fill: var(--ink); } .s-ink { stroke: var(--ink); }
.f-soft { fill: var(--soft); } .s-soft { stroke: var(--soft); }
.f-line { fill: var(--line); } .s-line { stroke: var(--line); }
.f-card { fill: var(--card); } .s-card { stroke: var(--card); }
.f-blue { fill: var(--blue); } .s-blue { stroke: var(--blue); }
.f-orange { fill: var(--orange); } .s-orange { stroke: var(--orange); }
.f-c0 { fill: var(--c0); } .s-c0 { stroke: var(--c0); }
.f-c1 { fill: var(--c1); } .s-c1 { stroke: var(--c1); }
.f-c2 { fill: var(--c2); } .s-c2 { stroke: var(--c2); }
.f-c3 { fill: var(--c3); } .s-c3 { stroke: var(--c3); }
.f-c4 { fill: var(--c4); } .s-c4 { stroke: var(--c4); }
.f-c5 { fill: var(--c5); } .s-c5 { stroke: var(--c5); }
.f-c6 { fill: var(--c6); } .s-c6 { stroke: var(--c6); }
.f-c7 { fill: var(--c7); } .s-c7 { stroke: var(--c7); }
.key { fill: none; stroke-width: 2; }
.cursor { stroke: var(--ink); stroke-width: 1.5; fill: none; }
.off { display: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; padding: 0;
  margin: .6rem 0 1rem; font-size: .875rem; color: var(--soft); max-width: none; }
.tall { flex-direction: column; }
.swatch { display: inline-block; width: 28px; height: 10px; margin-right: .5rem; }
.beside { align-self: center; font-size: .9375rem; }
.legend li { display: flex; align-items: center; gap: .45rem; margin: 0; }
.legend svg { width: 28px; height: 14px; flex: none; }
.slider { display: grid; grid-template-columns: auto minmax(6rem, 24rem) auto; gap: .9rem;
  align-items: center; margin: 0 0 .8rem; justify-content: start; }
.slider[hidden] { display: none; }
.slider label { font-weight: 600; font-size: .9375rem; }
.slider input { width: 100%; accent-color: var(--blue); margin: 0; }
.slider output { font-variant-numeric: tabular-nums; min-width: 8rem; font-size: .9375rem; }
.scroll { overflow-x: auto; margin: 0 0 .9rem; }
.scroll img { display: block; max-width: max(100%, 40rem); height: auto; margin: 0 auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; font-size: .9375rem; padding-bottom: .35rem; }
caption span { display: inline-block; width: max-content;
  max-width: min(46rem, calc(100vw - 5rem)); }
th, td { padding: .38rem .8rem; text-align: left; vertical-align: middle; }
th { font-weight: 400; }
thead th { color: var(--soft); font-size: .875rem; vertical-align: bottom; line-height: 1.3; }
.rows { width: 100%; font-size: .9375rem; }
.rows thead tr { border-bottom: 1px solid var(--line); }
.rows tbody tr + tr { border-top: 1px solid var(--line); }
.rows th, .rows td { padding: .38rem .6rem; }
.beside .rows th, .beside .rows td { padding: .38rem .4rem; }
.rows th:first-child, .rows td:first-child { padding-left: .4rem; }
.rows .n { text-align: right; white-space: nowrap; }
.rows td, .rows th { overflow-wrap: normal; word-break: normal; min-width: 0; }
.rows .wide { overflow-wrap: anywhere; min-width: 7rem; }
.rows .cell { white-space: nowrap; }
.rows .line { min-width: 9rem; width: 27%; }
.rows .model { min-width: 10.5rem; }
.rows .fill { width: 45%; min-width: 9rem; }
.marked { background: var(--wash); }
.marked .is { font-weight: 600; }
.tag { display: inline-block; border: 1px solid var(--blue); color: var(--blue);
  font-size: .8125rem; border-radius: 999px; padding: 0 .5rem; font-weight: 600;
  white-space: nowrap; }
.facts { width: 100%; table-layout: fixed; }
.facts th { width: 11rem; padding-left: 0; color: var(--soft); vertical-align: top; }
.facts td { padding-right: 0; }
.picture { width: 44px; height: 44px; border: 1px solid var(--line); border-radius: 4px;
  color: var(--ink); }
.picture.large { width: 76px; height: 76px; }
.moved { list-style: none; margin: 0; padding: 0; }
.moved b { display: inline-block; min-width: 3.6rem; text-align: right; margin-right: .4rem; }
.confusion td, .confusion th { text-align: center; min-width: 2.7rem; padding: .38rem .4rem;
  overflow-wrap: normal; }
.confusion thead th { max-width: 6rem; overflow-wrap: anywhere; }
.confusion tbody th { text-align: right; color: var(--soft); max-width: 12rem; }
.confusion td { border: 1px solid var(--card); background: var(--page); }
.confusion .corner { background: none; }
.confusion .zero { color: var(--soft); }
.confusion .right { background: var(--wash); }
.confusion .wrong { background: var(--warn); font-weight: 700; }
.shares { margin: 0 0 1.2rem; }
.parts { height: .9rem; }
.meter { display: inline-block; width: 100%; min-width: 4rem; height: .6rem;
  vertical-align: middle; }
.rows .meter.short { width: 5rem; margin-left: .6rem; }
.finding { border-left: 4px solid var(--line); border-radius: 0 6px 6px 0; background: var(--page);
  padding: .75rem 1rem .7rem; margin: 0 0 .65rem; }
.finding p { margin: 0 0 .3rem; }
.finding p:last-child { margin: 0; }
.finding .says { font-weight: 600; }
.finding .by { font-size: .8125rem; color: var(--soft); max-width: none; }
.finding .by span + span::before { content: "\\B7"; margin: 0 .45rem; }
.finding .try { font-size: .9375rem; }
.finding .says, .finding .try { padding-left: 1.6rem; text-indent: -1.6rem; }
.finding .by { padding-left: 1.6rem; }
.level { display: inline-block; width: 1.6rem; text-indent: 0; font-weight: 700; }
.try { padding-left: 1.6rem; }
.finding .try { text-indent: 0; }
.finding.error { border-left-color: var(--bad-line); background: var(--bad); }
.finding.warning { border-left-color: var(--warn-line); background: var(--warn); }
.level.error, .sign.error { color: var(--bad-line); }
.level.warning, .sign.warning { color: var(--warn-line); }
.level.note { color: var(--good-line); }
.finding.note { padding: .45rem 1rem .45rem; }
.finding.note .says { font-weight: 400; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
details { margin: 0 0 .9rem; }
summary { cursor: pointer; color: var(--blue); font-size: .9375rem; padding: .15rem 0;
  max-width: 46rem; }
details[open] > summary { margin-bottom: .5rem; }
.more { border-left: 3px solid var(--line); padding-left: 1rem; }
.tree { list-style: none; padding: 0; font-size: .9375rem; max-width: none; }
.tree li { white-space: pre-wrap; }
pre { margin: 0 0 .8rem; padding: .8rem 1rem; background: var(--page); border-radius: 6px;
  border: 1px solid var(--line); overflow-x: auto; font-size: .875rem; white-space: pre-wrap; }
pre span { white-space: nowrap; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.code { font-size: .8125rem; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .875rem; padding: 0 .2rem; }
@media (max-width: 60rem) {
  body { display: block; max-width: 62rem; padding: 1.75rem 1.25rem 3rem; }
  nav { position: static; max-height: none; margin-bottom: 1.5rem; }
  nav ol { border: 0; display: flex; flex-wrap: wrap; gap: .1rem .9rem; }
  nav a { display: inline-flex; gap: .35rem; padding: .3rem 0; }
}
@media (max-width: 46rem) {
  body { padding: 1.25rem .75rem 2.5rem; }
  h1 { font-size: 1.75rem; }
  section, .notice { padding: 1.1rem 1rem; }
  .verdict .headline { font-size: 1.25rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .steps-do { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts th { width: 6.5rem; }
  th, td { padding: .35rem .5rem; }
  .rows td, .rows th { padding: .35rem .25rem; }
  .beside .rows td, .beside .rows th { padding: .35rem .15rem; }
  .confusion td, .confusion th { min-width: 1.6rem; padding: .25rem .12rem; font-size: .875rem; }
  .confusion tbody th { padding-right: .4rem; }
  .rows .line { min-width: 6.5rem; }
  .rows .fill { min-width: 5rem; }
  .rows .model { min-width: 7.5rem; }
  .strip text { font-size: 17px; }
  .slider { grid-template-columns: 1fr; gap: .3rem; }
}
@media print {
  :root { color-scheme: light; }
  body { display: block; padding: 0; max-width: none; background: none; font-size: 10.5pt; }
  nav, .slider { display: none; }
  section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 1rem 0; }
  .verdict { border-top: 4px solid; }
  h2, h3, summary { break-after: avoid; }
  figure, .finding, tr, .tiles, .steps-do { break-inside: avoid; }
  .scroll { overflow: visible; }
  .scroll img { max-width: 100%; max-height: 24cm; }
  .rows { font-size: 9pt; }
  th, td { padding: .25rem .4rem; }
  .marked, .finding, .confusion td, .meter, .notice, .chart { print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
}
"""
