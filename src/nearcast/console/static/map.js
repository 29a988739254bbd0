// The ground: streets, fences, the names of shops near you, and a pulse where a message was sent.

import { drawn } from "/demo/plane.js";

const NEAR_M = 170, MOST_NAMES = 5, PULSE_MS = 1400, PULSE_PIXELS = 34;
const ORDER = ["river", "path", "lane", "street", "ring", "avenue", "bridge"];

export class CityMap {
  constructor(camera) {
    this.camera = camera;
    this.layers = Object.fromEntries(
      ["streets", "fences", "pulses", "names"].map((id) => [id, document.getElementById(id)]),
    );
    this.label = document.getElementById("label");
    this.layers.fences.addEventListener("pointerover", (event) => this.touch(event.target));
    this.layers.fences.addEventListener("pointerout", () => this.touch(null));
    this.fences = new Map();
    this.running = new Set();
    this.shops = [];
    this.near = [0, 0];
  }

  draw(city, plane) {
    this.plane = plane;
    const path = (line) => line.map((point) => plane.toMetres(point).map((v) => v.toFixed(1)).join(" ")).join("L");
    const streets = [...city.streets].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
    this.layers.streets.replaceChildren(
      ...streets.map(({ kind, line }) => drawn("path", { class: `street ${kind}`, d: `M${path(line)}` })),
    );
    const fences = city.fences.map((fence) => ({ ...fence, element: this.shape(fence, path) }));
    this.layers.fences.replaceChildren(...fences.map((fence) => fence.element));
    fences.sort((a, b) => extent(b.element) - extent(a.element));
    this.layers.fences.replaceChildren(...fences.map((fence) => fence.element));
    this.fences = new Map(fences.map((fence) => [fence.id, fence]));
    this.shops = city.shops.map((shop) => ({ ...shop, point: plane.toMetres(shop.at) }));
    this.offer([...this.running]);
  }

  shape(fence, path) {
    const said = { class: "fence", "data-id": fence.id };
    if (fence.center) {
      const [cx, cy] = this.plane.toMetres(fence.center);
      return drawn("circle", { ...said, cx, cy, r: fence.radius_m });
    }
    return drawn("path", { ...said, d: fence.rings.map((ring) => `M${path(ring)}Z`).join("") });
  }

  offer(ids) {
    this.running = new Set(ids);
    for (const [id, { element }] of this.fences) element.classList.toggle("running", this.running.has(id));
    this.nameNear(this.near);
  }

  touch(element) {
    const fence = this.fences.get(element?.dataset?.id);
    for (const other of this.fences.values()) other.element.classList.toggle("touched", other === fence);
    this.label.hidden = !fence;
    if (!fence) return;
    this.label.textContent = this.running.has(fence.id) ? `${fence.name} · offer` : fence.name;
    const box = fence.element.getBBox();
    const [x, y] = this.camera.toPixels([box.x + box.width / 2, box.y]);
    const [width] = this.camera.size;
    const half = this.label.offsetWidth / 2;
    const left = Math.min(width - half - 6, Math.max(half + 6, x)) - half;
    this.label.style.transform = `translate(${left}px, ${Math.max(6, y - 34)}px)`;
  }

  nameNear(point) {
    this.near = point;
    const offering = new Set([...this.running].map((id) => this.fences.get(id)?.shop));
    const away = (shop) => Math.hypot(shop.point[0] - point[0], shop.point[1] - point[1]);
    const near = this.shops.filter((shop) => away(shop) < NEAR_M).sort((a, b) => away(a) - away(b));
    const size = 13 * this.camera.scale;
    const taken = [[point[0] - 2 * size, point[0] + 2 * size, point[1] - 1.2 * size, point[1] + 2.4 * size]]; // you
    const seat = ({ point: [x, middle], name }) => {
      for (const y of [middle, middle - 2 * size, middle + 2.8 * size]) {
        const box = [x - name.length * size * 0.29, x + name.length * size * 0.29, y - size, y + size * 0.4];
        if (taken.some((b) => box[1] > b[0] && box[0] < b[1] && box[3] > b[2] && box[2] < b[3])) continue;
        taken.push(box);
        return [x, y];
      }
      return null;
    };
    const seated = near.map((shop) => ({ ...shop, seat: seat(shop) })).filter((shop) => shop.seat);
    this.layers.names.replaceChildren(...seated.slice(0, MOST_NAMES).map((shop) => {
      const [x, y] = shop.seat;
      const kind = offering.has(shop.name) ? "shop-name running" : "shop-name";
      const text = drawn("text", { class: kind, x, y, "font-size": size, "stroke-width": size / 4 });
      text.textContent = shop.name;
      return text;
    }));
  }

  pulse(place) {
    const [cx, cy] = this.plane.toMetres(place);
    const ring = drawn("circle", { class: "pulse", cx, cy, r: PULSE_PIXELS * this.camera.scale }, this.layers.pulses);
    setTimeout(() => ring.remove(), PULSE_MS);
  }
}

function extent(element) {
  const box = element.getBBox();
  return box.width * box.height;
}
