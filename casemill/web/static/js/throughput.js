// The area chart of throughput, drawn from the table of numbers beside it, in the page's own colours.
(() => {
  "use strict";
  const DAY = 86400;
  const place = document.getElementById("chart");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
  let chart = null;
  let shown = null; // what is drawn: period, since, until, bucket and the rows
  let readout = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function read() {
    const table = document.getElementById("throughput");
    const rows = [...table.tBodies[0].rows].map((row) => row.dataset);
    const { period, since, until, bucket } = table.dataset;
    return {
      period, since: Number(since), until: Number(until), bucket: Number(bucket),
      at: rows.map((row) => Number(row.at)),
      success: rows.map((row) => Number(row.success)),
      failed: rows.map((row) => Number(row.failed)),
    };
  }

  // A bucket stands at its middle, as far as it lies in the period.
  const points = ({ at, since, until, bucket, success, failed }) => [
    at.map((start) => (Math.max(start, since) + Math.min(start + bucket, until)) / 2), success, failed,
  ];

  function fade(name) {
    return (u) => {
      const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
      gradient.addColorStop(0, `${colour(name)}66`);
      gradient.addColorStop(1, `${colour(name)}08`);
      return gradient;
    };
  }

  const series = (name, dash) => ({
    stroke: () => colour(name), fill: fade(name), width: 2, dash, paths: uPlot.paths.spline(),
    points: { size: 5, fill: () => colour(name), show: (u) => u.data[0].length < 3 },
  });

  function times(u, splits, _axis, _space, step) {
    return splits.map((second) => {
      const moment = new Date(second * 1000);
      const isMidnight = moment.getHours() === 0 && moment.getMinutes() === 0;
      return step >= DAY || (isMidnight && shown.until - shown.since >= DAY) ? day.format(moment) : clock.format(moment);
    });
  }

  function options() {
    const axis = {
      stroke: () => colour("faint"), font: "12px system-ui, sans-serif",
      ticks: { show: false }, border: { show: false },
    };
    return {
      width: place.clientWidth, height: place.clientHeight, padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 8, width: 2 } },
      scales: { x: { range: () => [shown.since, shown.until] }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.08, 4)] } },
      axes: [
        { ...axis, grid: { show: false }, values: times, space: 64, size: 28 },
        { ...axis, grid: { stroke: () => colour("line"), width: 1 }, size: 46, space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6],
          values: (_u, splits) => splits.map((count) => count.toLocaleString("en")) },
      ],
      series: [{}, series("good"), series("bad", [6, 4])],
      hooks: { setCursor: [tell] },
    };
  }

  function line(text, kind) {
    const words = document.createElement("span");
    words.textContent = text;
    if (kind) words.className = kind;
    return words;
  }

  function stretch(index) {
    const from = new Date(Math.max(shown.at[index], shown.since) * 1000);
    const to = new Date(Math.min(shown.at[index] + shown.bucket, shown.until) * 1000);
    const first = shown.until - shown.since > DAY ? `${weekday.format(from)}, ${clock.format(from)}` : clock.format(from);
    return `${first} to ${clock.format(to)}`;
  }

  // The exact counts where the pointer is.
  function tell(u) {
    const { idx, left } = u.cursor;
    readout.hidden = idx == null || left < 0;
    if (readout.hidden) return;
    readout.replaceChildren(
      line(stretch(idx)),
      line(`${shown.success[idx].toLocaleString("en")} succeeded`, "good"),
      line(`${shown.failed[idx].toLocaleString("en")} failed`, "bad"),
    );
    const room = u.over.clientWidth - readout.offsetWidth;
    const beside = left + 14 > room ? left - readout.offsetWidth - 14 : left + 14;
    readout.style.transform = `translateX(${Math.max(0, Math.min(beside, room))}px)`;
  }

  function draw() {
    const before = shown;
    shown = read();
    if (chart && before.period === shown.period) {
      chart.setData(points(shown));
      tell(chart);
      return;
    }
    chart?.destroy();
    readout = document.createElement("div");
    readout.className = "readout";
    readout.hidden = true;
    chart = new uPlot(options(), points(shown), place);
    chart.over.append(readout);
  }

  // With the keyboard the cursor goes from bucket to bucket.
  place.addEventListener("keydown", (event) => {
    const last = shown.at.length - 1;
    const now = chart.cursor.left < 0 ? null : chart.cursor.idx;
    const next = { ArrowLeft: now === null ? last : Math.max(0, now - 1), ArrowRight: now === null ? 0 : Math.min(last, now + 1), Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    chart.setCursor({ left: chart.valToPos(chart.data[0][next], "x"), top: 0 });
  });
  place.addEventListener("blur", () => chart.setCursor({ left: -10, top: -10 }));
  place.addEventListener("pointerleave", () => chart.setCursor({ left: -10, top: -10 }));

  document.body.addEventListener("htmx:after:swap", () => {
    const table = document.getElementById("throughput");
    if (table && table.dataset.until !== String(shown.until)) draw();
  });
  dark.addEventListener("change", () => chart.redraw(false));
  new ResizeObserver(() => {
    if (place.clientWidth !== chart.width) chart.setSize({ width: place.clientWidth, height: place.clientHeight });
  }).observe(place);
  draw();
})();
