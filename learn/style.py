"""The look of the report: one style sheet, light and dark, from 320 pixels up.
Blue and orange carry the meaning and differ in lightness too; nothing is told by colour alone."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f5f2; --card: #ffffff; --ink: #1c1e21; --soft: #5d6470; --line: #dfdcd5;
  --blue: #2166ac; --orange: #b35806; --wash: #eef3f9; --warn: #fdf1e3; --warn-line: #e2a765;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e23; --ink: #e8e6e1; --soft: #a0a7b4; --line: #32373f;
    --blue: #67a9cf; --orange: #f1a340; --wash: #1f2a36; --warn: #33261a; --warn-line: #8a5a20;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
main { max-width: 62rem; margin: 0 auto; }
header { margin-bottom: 1.5rem; }
.eyebrow { margin: 0; color: var(--soft); font-size: .875rem; }
h1 { margin: .1rem 0 .4rem; font-size: 2.3rem; line-height: 1.15; letter-spacing: -.02em; }
h2 { margin: 0 0 .8rem; font-size: 1.2rem; line-height: 1.3; }
h3 { margin: 1.4rem 0 .5rem; font-size: 1rem; }
p { margin: 0 0 .8rem; max-width: 46rem; }
.lead { font-size: 1.1rem; color: var(--soft); }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
a { color: var(--blue); }
section, .notice {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.4rem 1.5rem; margin: 0 0 1.25rem;
}
section > :last-child { margin-bottom: 0; }
.notice { background: var(--warn); border-color: var(--warn-line); }
.notice p { margin: 0; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1rem; margin: 0 0 1.4rem; }
.tiles div { border-left: 3px solid var(--line); padding-left: .8rem; }
.tiles .main { border-color: var(--blue); }
.tiles dt { color: var(--soft); font-size: .875rem; }
.tiles dd { margin: 0; font-size: 1.65rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles dd.note { font-size: .875rem; color: var(--soft); line-height: 1.4; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; margin-bottom: 1rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { display: block; width: 100%; height: auto; }
.strip { max-width: 34rem; }
.beside { align-self: center; }
text { fill: var(--soft); font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
text.strong { fill: var(--ink); font-weight: 600; }
.grid { stroke: var(--line); stroke-width: 1; }
.frame { fill: none; stroke: var(--line); stroke-width: 1; }
.train, .validation { fill: none; stroke-width: 2; stroke-linejoin: round; }
.train { stroke: var(--blue); }
.validation { stroke: var(--orange); stroke-dasharray: 6 3; }
.mark { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 3; }
.dot { fill: var(--orange); stroke: var(--card); stroke-width: 1.5; }
.bar { fill: var(--blue); opacity: .35; }
.point { fill: var(--blue); }
.tick { stroke: var(--orange); stroke-width: 2.5; }
.row { fill: var(--blue); fill-opacity: .65; }
.halo { stroke: var(--card); stroke-width: 4; stroke-linejoin: round; paint-order: stroke; }
.shape { stroke: var(--ink); stroke-width: .8; }
.cross { stroke: var(--ink); stroke-width: 1.8; fill: none; }
.k0 { fill: #0072b2; } .k1 { fill: #e69f00; } .k2 { fill: #009e73; } .k3 { fill: #cc79a7; }
.k4 { fill: #56b4e9; } .k5 { fill: #d55e00; } .k6 { fill: #f0e442; } .k7 { fill: #888888; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0;
  margin: .6rem 0 0; font-size: .875rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: .45rem; }
.tall { flex-direction: column; }
.legend svg { width: 28px; height: 14px; flex: none; }
.scroll { overflow-x: auto; margin-bottom: .8rem; }
.scroll img { display: block; max-width: max(100%, 40rem); height: auto; margin: 0 auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .8rem; text-align: left; vertical-align: middle; }
thead th { color: var(--soft); font-weight: 600; font-size: .875rem; }
.rows { width: 100%; }
.rows tr + tr, .rows tbody { border-top: 1px solid var(--line); }
.rows td.n, .rows th.n { text-align: right; }
.rows td, .rows th { overflow-wrap: normal; }
.facts { width: 100%; table-layout: fixed; }
.facts th { width: 11rem; padding-left: 0; color: var(--soft); font-weight: 400;
  vertical-align: top; }
.facts td { padding-right: 0; }
.picture { width: 46px; height: 46px; border: 1px solid var(--line); border-radius: 4px;
  color: var(--ink); }
.confusion td, .confusion th { text-align: center; min-width: 2.6rem; padding: .35rem .4rem;
  overflow-wrap: normal; }
.confusion tbody th { text-align: right; font-weight: 400; color: var(--soft); }
.confusion td { border: 1px solid var(--card); background: var(--page); }
.confusion .corner { background: none; }
.confusion .zero { color: var(--soft); opacity: .55; }
.confusion .right { background: var(--wash); }
.confusion .wrong { background: var(--warn); font-weight: 700; }
.meter { display: inline-block; width: 84px; vertical-align: middle; margin-left: .6rem; }
.meter rect { fill: var(--line); }
.meter rect + rect { fill: var(--orange); }
.meter.true rect + rect { fill: var(--blue); }
pre { margin: 0 0 .8rem; padding: .8rem 1rem; background: var(--page); border-radius: 6px;
  border: 1px solid var(--line); overflow-x: auto; font-size: .875rem; white-space: pre-wrap; }
pre span { white-space: nowrap; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
footer { color: var(--soft); font-size: .875rem; }
@media (max-width: 46rem) {
  body { padding: 1.25rem .75rem 2.5rem; }
  h1 { font-size: 1.8rem; }
  section, .notice { padding: 1rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .pair { grid-template-columns: 1fr; }
  .facts th { width: 7rem; }
  th, td { padding: .35rem .5rem; }
  .meter { display: none; }
  .rows td, .rows th { padding: .35rem .3rem; }
  .confusion td, .confusion th { min-width: 1.65rem; padding: .25rem .15rem; }
  .confusion tbody th { padding-right: .4rem; }
}
@media print {
  body { padding: 0; background: none; }
  section { break-inside: avoid; }
}
"""
