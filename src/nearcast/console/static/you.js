// You: a dot to drag, or to steer with the keys, and what your phone says beside it.

const STEP_M = 12, LONG_STEP_M = 60;
const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export class You {
  constructor(camera, { onMove, onDrop }) {
    Object.assign(this, { camera, onMove, onDrop });
    this.element = document.getElementById("you");
    this.bubble = document.getElementById("bubble");
    this.at = this.dropped = [0, 0];
    this.held = false;
    this.element.addEventListener("pointerdown", (event) => this.grab(event));
    this.element.addEventListener("pointermove", (event) => this.held && this.go(this.camera.toMetres(event)));
    this.element.addEventListener("pointerup", () => this.held && this.drop());
    this.element.addEventListener("pointercancel", () => this.held && this.back());
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("blur", () => this.held && this.back());
  }

  get isAtHome() {
    return Math.hypot(...this.at) < 1;
  }

  show(point) {
    if (this.held) return;
    this.dropped = point;
    this.go(point);
  }

  go(point) {
    this.at = point;
    this.place();
    this.onMove(point);
  }

  grab(event) {
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add("dragging");
    this.held = true;
  }

  drop() {
    this.element.classList.remove("dragging");
    this.held = false;
    this.dropped = this.at;
    this.onDrop(this.at);
  }

  back() {
    this.element.classList.remove("dragging");
    this.held = false;
    this.go(this.dropped);
  }

  key(event) {
    const step = STEPS[event.key];
    if (step) {
      const length = event.shiftKey ? LONG_STEP_M : STEP_M;
      this.held = true;
      this.go(this.at.map((value, axis) => value + step[axis] * length));
      this.camera.follow(this.at);
    } else if (event.key === "Enter" || event.key === " ") {
      this.drop();
    } else if (event.key === "Escape") {
      this.back();
    } else {
      return;
    }
    event.preventDefault();
  }

  say(title, text, isMessage) {
    const head = document.createElement("b");
    head.textContent = title;
    this.bubble.replaceChildren(...(title ? [head] : []), text);
    this.bubble.classList.toggle("message-bubble", isMessage);
    this.bubble.hidden = !text;
    this.place();
  }

  place() {
    const scale = this.camera.scale, [dot, reach, name] = ["dot", "reach", "you-name"].map((kind) =>
      this.element.querySelector(`.${kind}`));
    this.element.setAttribute("transform", `translate(${this.at[0]} ${this.at[1]}) scale(${scale})`);
    dot.setAttribute("r", 9);
    dot.setAttribute("stroke-width", 2.5);
    reach.setAttribute("r", 24);
    name.setAttribute("y", 26);
    name.setAttribute("font-size", 14);
    name.setAttribute("stroke-width", 4);
    if (this.bubble.hidden) return;
    const [x, y] = this.camera.toPixels(this.at), [width] = this.camera.size;
    const box = [this.bubble.offsetWidth, this.bubble.offsetHeight];
    const left = Math.min(width - box[0] - 8, Math.max(8, x - box[0] / 2));
    const below = y - box[1] - 24 < 6;
    this.bubble.classList.toggle("below", below);
    this.bubble.style.setProperty("--tip", `${Math.min(box[0] - 18, Math.max(18, x - left))}px`);
    this.bubble.style.transform = `translate(${left}px, ${below ? y + 36 : y - box[1] - 22}px)`;
  }
}
