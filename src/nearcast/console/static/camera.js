// What part of the plane is seen: a middle and metres per pixel. Wheel, buttons, two fingers, or a drag of the ground.

const CLOSEST = 0.25, FARTHEST = 8;

export class Camera {
  constructor(svg, onChange) {
    this.svg = svg;
    this.onChange = onChange;
    this.middle = [0, 0];
    this.scale = 1.6;
    this.pointers = new Map();
    svg.addEventListener("pointerdown", (event) => this.grab(event));
    svg.addEventListener("pointermove", (event) => this.pull(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.release(event));
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015), this.toMetres(event));
    }, { passive: false });
    new ResizeObserver(() => this.apply()).observe(svg);
  }

  get size() {
    const box = this.svg.getBoundingClientRect();
    return [box.width || 1, box.height || 1];
  }

  fit(metres) {
    this.scale = metres / Math.min(...this.size);
    this.apply();
  }

  lookAt(middle) {
    this.middle = middle;
    this.apply();
  }

  zoom(factor, around = this.middle) {
    const before = this.scale;
    this.scale = Math.min(FARTHEST, Math.max(CLOSEST, before * factor));
    const kept = this.scale / before;
    this.middle = this.middle.map((value, axis) => around[axis] + (value - around[axis]) * kept);
    this.apply();
  }

  follow(point) {
    const [width, height] = this.size;
    const reach = [width * 0.4 * this.scale, height * 0.4 * this.scale];
    const off = point.map((value, axis) => {
      const away = value - this.middle[axis];
      return Math.sign(away) * Math.max(0, Math.abs(away) - reach[axis]);
    });
    if (off[0] || off[1]) this.lookAt(this.middle.map((value, axis) => value + off[axis]));
  }

  toMetres(event) {
    const box = this.svg.getBoundingClientRect();
    return [
      this.middle[0] + (event.clientX - box.left - box.width / 2) * this.scale,
      this.middle[1] + (event.clientY - box.top - box.height / 2) * this.scale,
    ];
  }

  toPixels([x, y]) {
    const [width, height] = this.size;
    return [width / 2 + (x - this.middle[0]) / this.scale, height / 2 + (y - this.middle[1]) / this.scale];
  }

  apply() {
    const [width, height] = this.size.map((pixels) => pixels * this.scale);
    this.svg.setAttribute("viewBox", `${this.middle[0] - width / 2} ${this.middle[1] - height / 2} ${width} ${height}`);
    this.onChange();
  }

  grab(event) {
    if (event.target.closest("#you")) return;
    this.pointers.set(event.pointerId, event);
    this.svg.setPointerCapture(event.pointerId);
    this.svg.classList.add("panning");
  }

  pull(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers.values()].filter((other) => other.pointerId !== event.pointerId);
    if (others.length) {
      const apart = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1;
      this.zoom(apart(before, others[0]) / apart(event, others[0]), this.toMetres(others[0]));
    } else {
      const moved = [event.clientX - before.clientX, event.clientY - before.clientY];
      this.lookAt(this.middle.map((value, axis) => value - moved[axis] * this.scale));
    }
    this.pointers.set(event.pointerId, event);
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.svg.classList.remove("panning");
  }
}
