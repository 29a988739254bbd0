// Beside the map: your phone, the counts, and verdicts as they are given.

const MOST_ROWS = 40, SILENCE_EVERY_MS = 1200;
const STOPPED = "You said stop. Your number is suppressed and your consent withdrawn; your position may still be told, "
  + "so you can drag on and read why nothing comes.";
const FIGURES = [["pings", "pings"], ["opportunities", "opportunities"], ["sent", "sent"], ["silent", "silent"]];

const find = (id) => document.getElementById(id);
const made = (name, text, kind) => {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
};

export class Panel {
  constructor(onStop) {
    this.stop = find("stop");
    this.stop.addEventListener("click", onStop);
    this.lastSilence = 0;
    this.reasonsShown = [];
    this.figures = new Map(FIGURES.map(([key, name]) => {
      const group = document.createElement("div"), figure = made("dd", "0");
      group.append(made("dt", name), figure);
      find("counts").append(group);
      return [key, figure];
    }));
  }

  phone(url) {
    find("whatsapp").hidden = !url;
    if (url) find("whatsapp-page").href = url;
  }

  clock({ clock, speed }) {
    find("clock").textContent = `${clock.day} ${clock.time}`;
    find("speed").textContent = `at ${speed}× speed`;
  }

  you(you) {
    find("inside").textContent = you.inside.length ? `In ${you.inside.join(" · ")}` : "In no fence";
    this.answer(you.answer.text);
    const message = find("message");
    message.hidden = !you.message;
    if (you.message) {
      find("message-from").textContent = `${you.message.shop} · ${you.message.channel} · ${you.message.at}`;
      find("message-text").textContent = you.message.text;
    }
    if (you.stopped && !this.stop.disabled) {
      this.stop.disabled = true;
      this.stop.textContent = "Stopped";
      find("stop-why").textContent = STOPPED;
    }
  }

  answer(text) {
    if (find("answer").textContent !== text) find("answer").textContent = text; // read aloud once
  }

  counts(counts) {
    const shown = { ...counts, silent: counts.not_sent + counts.held_out };
    for (const [key, figure] of this.figures) figure.textContent = shown[key].toLocaleString("en");
    const most = Math.max(1, ...counts.reasons.map(({ count }) => count));
    find("reasons").replaceChildren(...counts.reasons.map(({ text, count }) => {
      const row = document.createElement("li"), bar = document.createElement("meter");
      Object.assign(bar, { max: most, value: count });
      bar.setAttribute("aria-hidden", "true");
      row.append(made("span", text), bar, made("span", count.toLocaleString("en")));
      return row;
    }));
  }

  verdicts(rows) {
    const ticker = find("ticker");
    for (const row of [...rows.filter(telling), ...this.silences(rows)].sort((a, b) => a.n - b.n)) {
      const item = made("li", "", [row.outcome, row.you ? "yours" : ""].join(" ").trim());
      const said = document.createElement("span");
      said.append(made("b", row.shop), ` ${row.text}.`);
      item.append(made("time", row.at), said);
      ticker.prepend(item);
    }
    while (ticker.children.length > MOST_ROWS) ticker.lastElementChild.remove();
  }

  // one silence at a time, of the reason that was shown longest ago: all of them would be too fast to read
  silences(rows) {
    const now = performance.now();
    const silent = rows.filter((row) => !telling(row));
    if (!silent.length || now - this.lastSilence < SILENCE_EVERY_MS) return [];
    this.lastSilence = now;
    const rank = (row) => this.reasonsShown.indexOf(row.reason);
    const chosen = silent.reduce((best, row) => (rank(row) < rank(best) ? row : best));
    this.reasonsShown = [...this.reasonsShown.filter((reason) => reason !== chosen.reason), chosen.reason];
    return [chosen];
  }

  forget() {
    find("ticker").replaceChildren();
  }
}

function telling(row) {
  return row.you || row.outcome !== "suppress";
}
