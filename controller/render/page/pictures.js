"use strict";
const pictures = (() => {
  const SPACE = "http:" + "//www.w3.org/2000/svg";
  const draw = (name, given, text) => {
    const made = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const frame = (width, height, label) => draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

  const figure = (number) => String(Number(number.toPrecision(6)));

  const HEADS = ["data", "trained by", "source", "consists of", "in the hub", "read by"];
  // The end of a URI tells more than its middle.
  const fitting = (text, most) => (text.length > most ? text.slice(0, most / 3) + "…" + text.slice(1 - (2 * most) / 3) : text);
  const lineage = (given) => {
    const columns = given.map((parts, place) => [HEADS[place], parts]).filter(([, parts]) => parts.length);
    const wide = 200, tall = 26, gap = 36, top = 20;
    const most = Math.max(...columns.map(([, parts]) => parts.length));
    const label = columns.map(([head, parts]) => head + ": " + parts.join(", ")).join("; ");
    const svg = frame(columns.length * (wide + gap) - gap, top + most * (tall + 8), label);
    const y = (parts, place) => top + ((most - parts.length) * (tall + 8)) / 2 + place * (tall + 8);
    columns.forEach(([head, parts], number) => {
      const x = number * (wide + gap);
      const next = number + 1 < columns.length ? columns[number + 1][1] : [];
      svg.append(draw("text", { x, y: 12, class: "soft" }, head));
      parts.forEach((part, place) => {
        const at = y(parts, place);
        next.forEach((_, other) => {
          const from = at + tall / 2, to = y(next, other) + tall / 2, left = x + wide, right = left + gap;
          svg.append(draw("path", { d: `M${left} ${from}C${left + gap / 2} ${from} ${right - gap / 2} ${to} ${right} ${to}` }));
        });
        const box = draw("g", {});
        box.append(draw("title", {}, part), draw("rect", { x: x + 0.5, y: at + 0.5, width: wide - 1, height: tall - 1, rx: 6 }));
        box.append(draw("text", { x: x + 8, y: at + 17 }, fitting(part, 27)));
        svg.append(box);
      });
    });
    return svg;
  };

  // The same from top to bottom, where there is no room beside each other.
  const column = (given) => {
    const columns = given.map((parts, place) => [HEADS[place], parts]).filter(([, parts]) => parts.length);
    const wide = 300, tall = 26, head = 20, gap = 12;
    const high = columns.reduce((sum, [, parts]) => sum + head + parts.length * (tall + 6) + gap, 0) - gap;
    const label = columns.map(([name, parts]) => name + ": " + parts.join(", ")).join("; ");
    const svg = frame(wide, high, label);
    let y = 0;
    columns.forEach(([name, parts], number) => {
      svg.append(draw("text", { x: 0, y: y + 14, class: "soft" }, name));
      y += head;
      for (const part of parts) {
        const box = draw("g", {});
        box.append(draw("title", {}, part), draw("rect", { x: 0.5, y: y + 0.5, width: wide - 1, height: tall - 1, rx: 6 }));
        box.append(draw("text", { x: 8, y: y + 17 }, fitting(part, 42)));
        svg.append(box);
        y += tall + 6;
      }
      if (number + 1 < columns.length) svg.append(draw("path", { d: `M${wide / 2} ${y - 6}V${y + gap + 6}` }));
      y += gap;
    });
    return svg;
  };

  const spark = (group, metric, points, width = 240, height = 56) => {
    const edge = height / 9, radius = height / 16;
    const figures = points.map((point) => point[1]);
    const low = Math.min(...figures), high = Math.max(...figures), last = points[points.length - 1];
    const label = `${metric} of ${group}: ${points.length} versions, from ${figure(low)} to ${figure(high)}, version ${last[0]} has ${figure(last[1])}`;
    const svg = frame(width, height, label);
    const x = (place) => (points.length === 1 ? width / 2 : edge + (place * (width - 2 * edge)) / (points.length - 1));
    const y = (figure) => (high === low ? height / 2 : height - edge - ((figure - low) * (height - 2 * edge)) / (high - low));
    svg.append(draw("polyline", { points: points.map((point, place) => x(place) + "," + y(point[1])).join(" ") }));
    points.forEach((point, place) => {
      const dot = draw("circle", { cx: x(place), cy: y(point[1]), r: radius, class: point[2] });
      dot.append(draw("title", {}, `version ${point[0]}: ${figure(point[1])}, ${point[2]}`));
      svg.append(dot);
    });
    return svg;
  };

  const timeline = (moments) => {
    const width = 1000, edge = 110, row = 24;
    const groups = [...new Set(moments.map((moment) => moment[1]))].sort(new Intl.Collator("en", { numeric: true }).compare).slice(0, 12);
    const shown = moments.filter((moment) => groups.includes(moment[1]));
    const times = shown.map((moment) => Date.parse(moment[0]));
    const first = times.reduce((one, two) => Math.min(one, two)), last = times.reduce((one, two) => Math.max(one, two));
    const x = (time) => (last === first ? width / 2 : edge + ((time - first) * (width - edge - 20)) / (last - first));
    const day = (time) => new Date(time).toISOString().slice(0, 10);
    const svg = frame(width, groups.length * row + 24, `Approvals from ${day(first)} to ${day(last)}; the list below has them in words`);
    groups.forEach((group, number) => {
      const at = number * row + row / 2;
      svg.append(draw("path", { d: `M${edge} ${at}H${width - 10}` }), draw("text", { x: 0, y: at + 4 }, short(group, 15)));
    });
    shown.forEach((moment, place) => {
      const given = { cx: x(times[place]), cy: groups.indexOf(moment[1]) * row + row / 2, r: 5, class: "to-" + moment[4] };
      const dot = draw("circle", given);
      dot.append(draw("title", {}, moment[0] + " " + moment[2] + ": " + (moment[4] || "gone")));
      svg.append(dot);
    });
    const foot = groups.length * row + 16;
    svg.append(draw("text", { x: edge, y: foot, class: "soft" }, day(first)));
    if (last !== first) svg.append(draw("text", { x: width - 10, y: foot, class: "soft", "text-anchor": "end" }, day(last)));
    return svg;
  };
  return { column, figure, lineage, spark, timeline };
})();
