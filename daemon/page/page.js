// The page of hilerad. It asks for the status once a second and keeps the history itself. Text that comes from the
// daemon is shown with textContent, so that markup stays text.
"use strict";

const byId = (id) => document.getElementById(id);
const interval = 1000; // milliseconds
const patience = 5000; // with one answer
const spans = [60, 120, 300]; // seconds that are plotted: the first that holds the history, or the last
const latencySpan = 60; // seconds of the table of latencies
const plotLatencySpan = 10; // seconds that one point of a latency's plot is of
const svgNames = "http://www.w3.org/2000/svg";

let samples = []; // {time: s, status: null where hilerad gave no answer}, the oldest first
let awaySince = null;
let shownFindings = "";

// ---- values

function at(document, path) {
  let value = document;
  for (const key of path.split(".")) value = value === null || value === undefined ? undefined : value[key];
  return value;
}

const number = (document, path) => {
  const value = at(document, path);
  return typeof value === "number" ? value : undefined;
};

const total = (counts) => Object.values(counts ?? {}).reduce((sum, count) => sum + (Number(count) || 0), 0);
const ofListeners = (status, count) => (status.listeners ?? []).reduce((sum, each) => sum + count(each), 0);

// A value of `later` less that of `earlier`, a second; undefined over a restart.
function rate(later, earlier, read) {
  if (!later || !earlier) return undefined;
  const seconds = later.uptime_seconds - earlier.uptime_seconds;
  const difference = read(later) - read(earlier);
  return seconds > 0 && difference >= 0 ? difference / seconds : undefined;
}

// What was observed between two answers, as one histogram.
function observed(later, earlier, name) {
  const [now, before] = [at(later, `latency.${name}`), at(earlier, `latency.${name}`)];
  if (!now || !before || later.uptime_seconds < earlier.uptime_seconds) return undefined;
  const counts = now.counts.map((count, i) => count - before.counts[i]);
  const count = counts.reduce((sum, each) => sum + each, 0);
  return count > 0 ? { bounds: now.bounds, counts, count, sum: now.sum - before.sum } : undefined;
}

// The value below which `share` of the observations lie, as even within a bucket; what exceeds every bound counts as
// the last one.
function quantile(histogram, share) {
  if (!histogram) return undefined;
  let left = share * histogram.count;
  for (let i = 0; i < histogram.bounds.length; ++i) {
    const from = i > 0 ? histogram.bounds[i - 1] : 0;
    if (left <= histogram.counts[i]) return from + ((histogram.bounds[i] - from) * left) / histogram.counts[i];
    left -= histogram.counts[i];
  }
  return histogram.bounds.at(-1);
}

// The answer that was given about `seconds` before sample `index`, of the same run of hilerad.
function before(index, seconds) {
  let found;
  for (let i = index - 1; i >= 0; --i) {
    const { time, status } = samples[i];
    if (!status || status.uptime_seconds > samples[index].status.uptime_seconds) break;
    found = status;
    if (samples[index].time - time >= seconds) break;
  }
  return found;
}

// ---- text

const missing = "\u2013";
const count = (value) => (value === undefined ? missing : Math.round(value).toLocaleString("en"));
const perSecond = (value) =>
  value === undefined ? missing : value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });

function time(seconds) {
  if (seconds === undefined) return missing;
  const short = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
  if (seconds === 0) return "0";
  if (seconds < 0.001) return `${short(seconds * 1e6)} \u00b5s`;
  return seconds < 1 ? `${short(seconds * 1e3)} ms` : `${short(seconds)} s`;
}

function bytes(size) {
  if (size === undefined) return missing;
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; ++unit) size /= 1024;
  return `${size.toLocaleString("en", { maximumFractionDigits: unit > 0 ? 1 : 0 })} ${units[unit]}`;
}

function age(seconds) {
  if (seconds === undefined) return missing;
  const [whole, minutes, hours] = [1, 60, 3600].map((unit) => Math.floor(seconds / unit));
  if (minutes === 0) return `${whole} s`;
  if (hours === 0) return `${minutes} min ${whole % 60} s`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

const clock = (date) => date.toLocaleTimeString("en-GB");

// ---- plots

const received = (status) => status.ledger.intake.received;
const latencyPlot = (name) => ({
  format: time,
  series: [
    ["median", (_, index) => quantile(observed(samples[index].status, before(index, plotLatencySpan), name), 0.5)],
    ["99 %", (_, index) => quantile(observed(samples[index].status, before(index, plotLatencySpan), name), 0.99)],
  ],
});
const ratePlot = (...series) => ({
  format: (value) => (value === undefined ? missing : `${perSecond(value)}/s`),
  series: series.map(([name, read]) => [name, (status, index) => rate(status, samples[index - 1]?.status, read)]),
});
const valuePlot = (format, ...series) => ({
  format,
  series: series.map(([name, path]) => [name, (status) => number(status, path)]),
});

const plots = [
  { title: "Datagrams", ...ratePlot(["received", received], ["accepted", (s) => s.ledger.intake.accepted]) },
  { title: "Records",
    ...ratePlot(["accepted", (s) => s.ledger.store.accepted], ["stored", (s) => s.ledger.store.stored]) },
  { title: "Not taken",
    ...ratePlot(["kernel drops", (s) => ofListeners(s, (each) => each.kernel_drops)],
                ["dropped", (s) => s.ledger.intake.dropped], ["rejected", (s) => s.ledger.intake.rejected]) },
  { title: "Records that wait", ...valuePlot(count, ["pending", "ledger.store.pending"]) },
  { title: "Until acknowledged", ...latencyPlot("ack") },
  { title: "Until committed", ...latencyPlot("store") },
  { title: "Hub lag", ...latencyPlot("hub_lag") },
  { title: "Database connections",
    ...valuePlot(count, ["in use", "database.connections.leased"], ["waited for", "database.connections.waiting"]) },
];

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function svg(tag, attributes) {
  const made = document.createElementNS(svgNames, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function makePlot(plot) {
  const figure = element("figure");
  const legend = element("ul", "legend");
  plot.drawing = svg("svg", { viewBox: "0 0 300 100", preserveAspectRatio: "none", role: "img" });
  plot.top = element("span");
  plot.values = plot.series.map(([name], i) => {
    const item = element("li");
    const key = svg("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" });
    key.append(svg("path", { class: `series-${i}`, d: "M0 4H26" }));
    const value = element("span");
    item.append(key, value);
    legend.append(item);
    plot.drawing.append(svg("path", { class: `series-${i}` }));
    return { name, value };
  });
  const top = element("div", "axis");
  top.append(plot.top);
  plot.start = element("span");
  const bottom = element("div", "axis");
  bottom.append(plot.start, element("span", "", "now"));
  figure.append(element("figcaption", "", plot.title), legend, top, plot.drawing, bottom);
  byId("plots").append(figure);
}

// The next round figure above.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function line(values, now, span, top) {
  let path = "";
  let pen = "M";
  for (let i = 0; i < values.length; ++i) {
    if (values[i] === undefined) {
      pen = "M";
      continue;
    }
    const x = 300 - (300 * (now - samples[i].time)) / span;
    path += `${pen}${x.toFixed(1)} ${(98 - (94 * values[i]) / top).toFixed(1)}`;
    pen = "L";
  }
  return path;
}

function draw(plot) {
  const now = samples.at(-1).time;
  const all = plot.values.map((_, i) => samples.map((sample) => sample.points[plots.indexOf(plot)][i]));
  const highest = Math.max(0, ...all.flat().filter((value) => value !== undefined));
  const top = highest > 0 ? roundUp(highest) : 1;
  const span = spans.find((each) => now - samples[0].time <= each) ?? spans.at(-1);
  plot.start.textContent = `${span / 60} min ago`;
  plot.top.textContent = highest > 0 ? plot.format(top) : "";
  plot.values.forEach(({ name, value }, i) => {
    value.textContent = `${name} ${plot.format(all[i].at(-1))}`;
    plot.drawing.children[i].setAttribute("d", line(all[i], now, span, top));
  });
  const values = plot.values.map(({ value }) => value.textContent).join(", ");
  plot.drawing.setAttribute("aria-label", `${plot.title}: ${values}; highest ${plot.format(highest)}`);
}

// ---- tables

// Rows as [heading, value...] or {cells: [..], style}; the first cell heads its row.
function fill(id, rows, emptyText) {
  const body = byId(id).tBodies[0];
  body.replaceChildren(...(rows.length ? rows : [[emptyText]]).map((row) => {
    const cells = row.cells ?? row;
    const made = element("tr", row.style);
    cells.forEach((text, i) => {
      const cell = element(i > 0 ? "td" : "th", typeof text === "object" ? "text" : "", text.text ?? text);
      if (i === 0) cell.scope = "row";
      made.append(cell);
    });
    return made;
  }));
}

const text = (value) => ({ text: value === undefined || value === "" ? missing : String(value) });

function fillLedger(id, status, earlier, left, right) {
  const section = (s) => s.ledger[id === "datagrams" ? "intake" : "store"];
  const row = (name, sign, style) => {
    const isLevel = name === "in_flight" || name === "pending" || name === "found_at_start";
    const change = isLevel ? "" : perSecond(rate(status, earlier, (s) => section(s)[name]));
    return { cells: [`${sign} ${name.replaceAll("_", " ")}`, count(section(status)[name]), change], style };
  };
  const rows = left.map((name, i) => row(name, i > 0 ? "+" : "", "sum"));
  rows.push(...right.map((name, i) => row(name, i > 0 ? "+" : "=", "")));
  fill(id, rows);
  const sum = (names) => names.reduce((all, name) => all + section(status)[name], 0);
  const balanced = sum(left) === sum(right);
  byId(`${id}-balance`).textContent = balanced ? "\u2714 Nothing is missing: both sides are equal."
                                               : `\u2716 ${count(sum(left) - sum(right))} are not accounted for.`;
}

function fillListeners(status, earlier) {
  const known = new Map((earlier?.listeners ?? []).map((each) => [each.name, each]));
  fill("listeners", (status.listeners ?? []).map((each) => {
    const then = known.get(each.name);
    const pace = then ? rate(status, earlier, (s) => (s === status ? each : then).received) : undefined;
    return [
      each.open === false ? `${each.name} (closed)` : each.name, text(each.codec), text(each.address), perSecond(pace),
      count(each.received), count(each.accepted), count(each.control), count(total(each.rejected)), count(each.dropped),
      count(each.kernel_drops), count(each.acks_sent),
    ];
  }), "none");
}

function fillLost(status) {
  const dropped = Object.entries(status.dropped ?? {});
  const rows = dropped.map(([reason, n]) => [`dropped: ${reason.replaceAll("_", " ")}`, n]);
  for (const each of status.listeners ?? []) {
    if (each.kernel_drops > 0) rows.push([`${each.name}: kernel drop`, each.kernel_drops]);
    for (const [reason, n] of Object.entries(each.rejected ?? {}))
      rows.push([`${each.name}: rejected, ${reason.replaceAll("_", " ")}`, n]);
  }
  rows.sort((a, b) => b[1] - a[1]);
  fill("lost", rows.map(([reason, n]) => [reason, count(n)]), "none so far");
}

function fillLatency(status) {
  const earlier = before(samples.length - 1, latencySpan);
  const rows = [["acknowledgement", "ack"], ["commit", "store"], ["turn of the hub", "hub_lag"]];
  fill("latency", rows.map(([name, key]) => {
    const histogram = observed(status, earlier, key);
    const mean = histogram ? histogram.sum / histogram.count : undefined;
    return [name, time(quantile(histogram, 0.5)), time(quantile(histogram, 0.99)), time(mean)];
  }));
}

function fillDatabase(status) {
  const database = status.database;
  if (!database) return fill("database", [], "none is configured: records stay in the journal");
  const { idle, leased, connecting, waiting } = database.connections;
  const rows = [
    { cells: ["State", text(database.healthy ? "\u2714 answers" : "\u2716 cannot be written")],
      style: database.healthy ? "" : "bad" },
    ["Server", text(database.host)],
    ["Connections", text(`${idle} idle, ${leased} in use, ${connecting} being made`)],
    ["Greenlets that wait for one", text(count(waiting))],
    ["Batches tried again", text(count(number(status, "store.retries")))],
  ];
  if (database.failovers > 0) rows.push(["Changes of server", text(count(database.failovers))]);
  const errors = Object.entries(database.errors ?? {}).map(([kind, n]) => `${count(n)} ${kind.replaceAll("_", " ")}`);
  if (errors.length) rows.push(["Errors so far", text(errors.join(", "))]);
  fill("database", rows);
}

function fillJournal(status, earlier) {
  const journal = status.journal;
  const used = (100 * journal.bytes) / journal.max_bytes;
  const commits = rate(status, earlier, (s) => s.journal.commits);
  const datagrams = rate(status, earlier, (s) => s.journal.datagrams);
  fill("journal", [
    { cells: ["State", text(journal.problem ? `\u2716 ${journal.problem}` : "\u2714 takes what comes")],
      style: journal.problem ? "bad" : "" },
    ["Size", text(`${bytes(journal.bytes)} of ${bytes(journal.max_bytes)} (${perSecond(used)} %)`)],
    ["Files", text(count(journal.segments))],
    ["Oldest that is not stored", text(journal.oldest_seconds > 0 ? age(journal.oldest_seconds) : "none")],
    ["Synced", text(`${perSecond(datagrams)} datagrams/s in ${perSecond(commits)} commits/s`)],
    ["Shards that are behind", text(`${count(status.store.lagging)} of ${count(status.store.shards)}`)],
    ["I/O errors", text(count(journal.io_errors))],
  ]);
}

function fillDownlinks(status) {
  const states = ["queued", "sent", "delivered", "failed", "expired", "cancelled"];
  const known = status.downlink ?? {};
  const rows = states.filter((state) => state in known).map((state) => [state, count(known[state])]);
  if (known.answers_waiting > 0) rows.push(["answers to be written", count(known.answers_waiting)]);
  fill("downlinks", rows, "none without a database");
}

function fillGreenlets(status) {
  const kinds = (status.greenlet_kinds ?? []).filter((kind) => kind.samples > 0);
  kinds.sort((a, b) => b.longest_slice_seconds - a.longest_slice_seconds);
  fill("greenlets", kinds.map((kind) => [
    kind.kind, time(kind.longest_slice_seconds), time(kind.slice_seconds / kind.samples),
    time(kind.delay_seconds / kind.samples), bytes(kind.stack_bytes),
  ]), "none was measured yet");
}

// ---- what is wrong

function items(findings) {
  return findings.map(({ what, advice }) => {
    const item = element("li");
    item.append(element("strong", "", what), element("span", "", advice));
    return item;
  });
}

// Changed only when there is something new to say, so that a screen reader is not interrupted each second.
function say(state, headline, problems, notices) {
  const said = JSON.stringify([state, headline, problems]);
  if (said !== shownFindings) {
    shownFindings = said;
    byId("state").dataset.state = state;
    byId("headline").textContent = headline;
    byId("problems").replaceChildren(...items(problems));
  }
  byId("notices").hidden = notices.length === 0;
  byId("notice-list").replaceChildren(...items(notices));
}

function sayFindings(status) {
  const findings = status.findings ?? [];
  const problems = findings.filter(({ severity }) => severity === "problem");
  const notices = findings.filter(({ severity }) => severity !== "problem");
  const [one, many] = ["\u2716 One thing is wrong", `\u2716 ${problems.length} things are wrong`];
  const headline = problems.length === 0 ? "\u2714 All is well" : problems.length === 1 ? one : many;
  say(problems.length ? "bad" : "good", headline, problems, notices);
  document.title = `${headline} \u2013 ${status.collector} \u2013 Hilera`;
}

function sayAway(why) {
  const last = samples.findLast(({ status }) => status);
  const figures = last ? ` The figures below are of ${clock(last.date)}.` : "";
  say("away", "\u2716 hilerad cannot be reached", [{
    what: `No answer since ${clock(awaySince)}: ${why}.`,
    advice: `See whether it runs (systemctl status hilera), and its log. This page goes on asking.${figures}`,
  }], []);
  document.title = "\u2716 cannot be reached \u2013 Hilera";
}

// ---- the loop

function show(status) {
  const earlier = before(samples.length - 1, 2);
  byId("collector").textContent = `on ${status.collector}`;
  byId("program").textContent = `version ${status.version}, up ${age(status.uptime_seconds)}, ` +
    `${count(status.devices_known)} devices known, ${count(status.greenlets)} greenlets`;
  sayFindings(status);
  fillLedger("datagrams", status, earlier, ["received"], ["accepted", "control", "rejected", "dropped", "in_flight"]);
  fillLedger("records", status, earlier, ["found_at_start", "accepted"],
             ["stored", "duplicate", "dead_lettered", "quarantined", "pending"]);
  fillListeners(status, earlier);
  fillLost(status);
  fillLatency(status);
  fillDatabase(status);
  fillJournal(status, earlier);
  fillDownlinks(status);
  fillGreenlets(status);
}

async function ask() {
  const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`it answers with HTTP status ${answer.status}`);
  return answer.json();
}

function note(status) {
  const date = new Date();
  const now = performance.now() / 1000;
  samples = samples.filter((sample) => now - sample.time <= spans.at(-1));
  samples.push({ time: now, date, status, points: [] });
  const index = samples.length - 1;
  const point = ([, read]) => (status ? read(status, index) : undefined);
  samples[index].points = plots.map((plot) => plot.series.map(point));
}

async function look() {
  const began = performance.now();
  let status = null;
  let why = "";
  try {
    status = await ask();
  } catch (error) {
    why = error.name === "TimeoutError" ? `none within ${patience / 1000} s`
        : error instanceof TypeError ? "the connection is refused" : error.message;
  }
  try {
    note(status);
    if (status) show(status);
  } catch (error) { // it has another form, as of another version
    samples.pop();
    note(status = null);
    why = `none that this page understands (${error.message}); load it again`;
  }
  awaySince = status ? null : awaySince ?? new Date();
  document.body.toggleAttribute("data-stale", !status);
  if (!status) sayAway(why);
  plots.forEach(draw);
  setTimeout(look, Math.max(0, interval - (performance.now() - began)));
}

plots.forEach(makePlot);
look();
