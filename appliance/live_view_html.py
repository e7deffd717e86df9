"""The page of the live step: one file, nothing from elsewhere; it asks for meters.json and picture.jpg beside it."""

__all__ = ["PAGE"]

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Turn the lens</title>
<style>
  :root { color-scheme: light dark; --ink: #1b1f23; --paper: #f6f7f8; --quiet: #5b6570; --track: #d5dade;
          --full: #0b7a4b; --light: #b07300; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e8ebee; --paper: #14171a; --quiet: #9aa5af; --track: #333a41; --full: #35c486; --light: #f0b440; }
  }
  * { box-sizing: border-box; }
  body { margin: 0 auto; padding: 1rem; max-width: 44rem; background: var(--paper); color: var(--ink);
         font: 1rem/1.45 system-ui, sans-serif; }
  header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; justify-content: space-between; }
  h1 { font-size: 1.3rem; margin: 0 0 .5rem; }
  #state { color: var(--quiet); font-variant-numeric: tabular-nums; }
  #scene { position: relative; background: var(--track); min-height: 8rem; touch-action: none; cursor: crosshair; }
  #picture { display: block; width: 100%; user-select: none; -webkit-user-drag: none; }
  #chosen { position: absolute; border: 2px dashed #fff; outline: 1px solid #000; pointer-events: none; }
  .meter { display: grid; grid-template-columns: 1fr auto; gap: .15rem .75rem; margin-top: .9rem; }
  .meter b { font-weight: 600; }
  .meter span { font-variant-numeric: tabular-nums; }
  .track { grid-column: 1 / -1; height: 1.1rem; border-radius: .3rem; background: var(--track); overflow: hidden; }
  .bar { height: 100%; width: 0; background: var(--full); }
  #brightness-bar { background: var(--light); }
  p { margin: .9rem 0 0; }
  code { font-size: 1.05em; white-space: nowrap; }
  .quiet { color: var(--quiet); }
</style>
</head>
<body>
<header><h1>Turn the lens</h1><span id="state" role="status">waiting for the first picture</span></header>
<div id="scene"><img id="picture" alt="What the camera sees now" draggable="false"><div id="chosen" hidden></div></div>
<div class="meter"><b>Focus</b><span id="focus">-</span>
  <div class="track"><div class="bar" id="focus-bar"></div></div></div>
<div class="meter"><b>Brightness</b><span id="brightness">-</span>
  <div class="track"><div class="bar" id="brightness-bar"></div></div></div>
<p>Turn slowly until the focus falls again, then back until its bar is full: that is the best so far. Keep the scene and
the light as they are meanwhile, for only then can two figures be compared. Brightness belongs well inside its bar: near
either end, what is dark or bright is lost.</p>
<p class="quiet">Drag over the picture to read off a region for the next question:
<code id="region">x y width height</code></p>
<p class="quiet" id="camera"></p>
<noscript><p>This page needs JavaScript; the terminal shows the same meters.</p></noscript>
<script>
"use strict";
const at = id => document.getElementById(id);
const scene = at("scene"), chosen = at("chosen");
let picture = at("picture"), size = null, from = null, unanswered = 0;

function show(told) {
  size = told.size;
  at("focus").textContent = told.focus.toFixed(2) + " %, best " + told.best.toFixed(2) + " %";
  at("focus-bar").style.width = (told.best ? 100 * told.focus / told.best : 0) + "%";
  at("brightness").textContent = told.brightness.toFixed(0) + " of 255";
  at("brightness-bar").style.width = 100 * told.brightness / 255 + "%";
  at("state").textContent = Math.ceil(told.left_s) + " s left";
  at("camera").textContent = told.camera + ", " + told.size.join("x");
}

async function turn(number) {
  // Only a picture that is there whole takes the place of the last one: nothing flickers on a slow tunnel.
  const next = new Image();
  next.src = "picture.jpg?" + number;
  await next.decode();
  for (const name of ["id", "alt", "draggable"]) next.setAttribute(name, picture.getAttribute(name));
  picture.replaceWith(next);
  picture = next;
}

async function step() {
  try {
    const answer = await fetch("meters.json");
    unanswered = 0;
    if (answer.ok) {
      const told = await answer.json();
      show(told);
      await turn(told.picture);
    }
  } catch (error) {
    unanswered += 1;
  }
  if (unanswered > 4) {
    at("state").textContent = "the step has ended: go on in the terminal";
  } else {
    setTimeout(step, 150);
  }
}

function point(event) {
  const box = picture.getBoundingClientRect();
  const inside = (value, most) => Math.round(Math.min(1, Math.max(0, value)) * most);
  const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
  return [inside(across, size[0]), inside(down, size[1])];
}

function choose(to) {
  const [x, y] = [0, 1].map(i => Math.min(from[i], to[i])), [w, h] = [0, 1].map(i => Math.abs(from[i] - to[i]));
  chosen.hidden = false;
  chosen.style.left = 100 * x / size[0] + "%";
  chosen.style.top = 100 * y / size[1] + "%";
  chosen.style.width = 100 * w / size[0] + "%";
  chosen.style.height = 100 * h / size[1] + "%";
  at("region").textContent = [x, y, w, h].join(" ");
}

scene.addEventListener("pointerdown", event => {
  if (size) { from = point(event); scene.setPointerCapture(event.pointerId); }
});
scene.addEventListener("pointermove", event => { if (from) choose(point(event)); });
for (const end of ["pointerup", "pointercancel"]) scene.addEventListener(end, () => { from = null; });
step();
</script>
</body>
</html>
"""
