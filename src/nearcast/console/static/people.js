// People as dots that glide from where they were seen to where they are seen now.

import { drawn } from "/demo/plane.js";

const GLIDE_MS = 800, DOT_PIXELS = 3;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class People {
  constructor(camera) {
    this.camera = camera;
    this.layer = document.getElementById("people");
    this.dots = new Map();
    this.gliding = new Set();
  }

  show(places, plane) {
    for (const [id, dot] of this.dots) {
      if (id in places) continue;
      dot.element.remove();
      this.gliding.delete(dot);
      this.dots.delete(id);
    }
    const now = performance.now();
    for (const [id, place] of Object.entries(places)) this.send(id, plane.toMetres(place), now);
    if (this.gliding.size) requestAnimationFrame((at) => this.glide(at));
  }

  send(id, to, now) {
    const dot = this.dots.get(id);
    if (!dot) {
      const element = drawn("circle", { class: "person", r: this.radius, cx: to[0], cy: to[1] }, this.layer);
      this.dots.set(id, { element, at: to, to });
    } else if (dot.to[0] !== to[0] || dot.to[1] !== to[1]) {
      Object.assign(dot, { from: dot.at, to, began: still.matches ? now - GLIDE_MS : now });
      this.gliding.add(dot);
    }
  }

  glide(now) {
    for (const dot of this.gliding) {
      const part = Math.min(1, Math.max(0, (now - dot.began) / GLIDE_MS));
      dot.at = dot.from.map((value, axis) => value + (dot.to[axis] - value) * part);
      dot.element.setAttribute("cx", dot.at[0]);
      dot.element.setAttribute("cy", dot.at[1]);
      if (part === 1) this.gliding.delete(dot);
    }
    if (this.gliding.size && !this.frame) {
      this.frame = requestAnimationFrame((at) => {
        this.frame = null;
        this.glide(at);
      });
    }
  }

  get radius() {
    return DOT_PIXELS * this.camera.scale;
  }

  resize() {
    for (const { element } of this.dots.values()) element.setAttribute("r", this.radius);
  }
}
