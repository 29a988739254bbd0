// Watches where the phone is, and keeps its screen on meanwhile: browsers stop telling when it goes dark.

const SOONEST_MS = 5_000;  // a phone may tell many times a second
const AGAIN_MS = 30_000;  // it may tell nothing while it stands still, and standing there is what a visit is
const OPTIONS = { enableHighAccuracy: true, maximumAge: 0, timeout: 60_000 };
const KINDS = { 1: "denied", 2: "unavailable", 3: "timeout" };
const CLOCK_MS = 86_400_000;  // some browsers count from another epoch

export class Watch {
  constructor({ onFix, onProblem }) {
    Object.assign(this, { onFix, onProblem });
    this.isOn = false;
    this.toldAt = -Infinity;
    this.wake = () => document.visibilityState === "visible" && this.keepAwake();
  }

  start() {
    if (!navigator.geolocation || !isSecureContext) {
      this.onProblem("missing");
      return;
    }
    this.isOn = true;
    this.watch();
    this.timer = setInterval(() => performance.now() - this.toldAt >= AGAIN_MS && this.watch(), AGAIN_MS / 2);
    document.addEventListener("visibilitychange", this.wake);
    this.keepAwake();
  }

  stop() {
    this.isOn = false;
    if (this.id !== undefined) navigator.geolocation.clearWatch(this.id);
    clearInterval(this.timer);
    clearTimeout(this.later);
    document.removeEventListener("visibilitychange", this.wake);
    this.lock?.release().catch(() => {});
    this.lock = null;
  }

  watch() {
    // beside an older watch, a new one would wait for the next move, too
    if (this.id !== undefined) navigator.geolocation.clearWatch(this.id);
    this.id = navigator.geolocation.watchPosition((at) => this.tell(at), (error) => this.fail(error), OPTIONS);
  }

  tell(at) {
    clearTimeout(this.later);
    if (!this.isOn) return;
    const tooSoonMs = this.toldAt + SOONEST_MS - performance.now();
    if (tooSoonMs > 0) {
      this.later = setTimeout(() => this.tell(at), tooSoonMs);
      return;
    }
    this.toldAt = performance.now();
    const now = Date.now(), isOdd = Math.abs(at.timestamp - now) > CLOCK_MS;
    const { latitude: lat, longitude: lon, accuracy: accuracy_m, speed: speed_mps } = at.coords;
    const recorded_at = Math.round(isOdd ? now : at.timestamp);
    this.onFix({ ping_id: crypto.randomUUID(), recorded_at, lat, lon, accuracy_m, speed_mps });
  }

  fail(error) {
    if (this.isOn) this.onProblem(KINDS[error.code] ?? "unavailable");
  }

  async keepAwake() {
    try {
      const lock = await navigator.wakeLock?.request("screen");
      if (this.isOn) this.lock = lock;
      else await lock?.release();
    } catch {
      // the phone saves its battery: sharing goes on while it is looked at
    }
  }
}
