// Sends fixes in their order, and again while nobody answers; what waited too long is of no use and dropped.

const FEED = "/v1/feeds/checkin";
const MAX_AGE_MS = 300_000;
const MOST_AT_ONCE = 100;
const FIRST_PAUSE_MS = 2_000, LONGEST_PAUSE_MS = 30_000;
const ANSWER_WITHIN_MS = 15_000;

export class Outbox {
  constructor(token, { onSent, onAway, onRefused }) {
    Object.assign(this, { token, onSent, onAway, onRefused });
    this.waiting = [];
    this.isSending = false;
    this.isClosed = false;
    this.pause = FIRST_PAUSE_MS;
    this.online = () => this.soon(0);
    addEventListener("online", this.online);
  }

  add(fix) {
    this.waiting.push({ fix, since: performance.now() });
    if (!this.timer) this.send();
  }

  close() {
    this.waiting = [];
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
    this.isClosed = true;
    this.request?.abort();
  }

  async send() {
    clearTimeout(this.timer);
    this.timer = null;
    this.waiting = this.waiting.filter(({ since }) => performance.now() - since < MAX_AGE_MS);
    if (this.isSending || this.waiting.length === 0 || this.isClosed) return;
    this.isSending = true;
    const taken = this.waiting.slice(0, MOST_AT_ONCE);
    const answer = await this.post(taken.map(({ fix }) => fix));
    this.isSending = false;
    if (this.isClosed) return;
    if (answer === null || answer.status >= 500 || answer.status === 429) {
      this.onAway();
      this.soon(Number(answer?.headers.get("Retry-After")) * 1000 || this.pause);
      this.pause = Math.min(LONGEST_PAUSE_MS, this.pause * 2);
    } else if (answer.status === 401 || answer.status === 403) {
      this.onRefused();
    } else {
      this.pause = FIRST_PAUSE_MS;
      this.waiting = this.waiting.filter((entry) => !taken.includes(entry));
      if (answer.ok) this.onSent(taken.at(-1).fix, answer.rejected);
      this.send();
    }
  }

  soon(afterMs) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), afterMs);
  }

  async post(fixes) {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    this.request = new AbortController();
    const timer = setTimeout(() => this.request.abort(), ANSWER_WITHIN_MS);
    const { signal } = this.request, rest = { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" };
    try {
      const answer = await fetch(FEED, { method: "POST", headers, body: JSON.stringify(fixes), signal, ...rest });
      if (answer.ok) answer.rejected = (await answer.json()).rejected;
      return answer;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}
