// Returns a line for everything in the page that somebody could not read or reach.
(() => {
  const found = [];
  const say = (what, e) => found.length < 20 && found.push(what + ': <' + e.tagName + ' class="' + (e.getAttribute('class') || '') + '"> ' + e.textContent.trim().slice(0, 50));
  const rgb = text => { const n = text.match(/[\d.]+/g).map(Number); return n.length < 4 || n[3] === 1 ? n.slice(0, 3) : null; };
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };

  // Texts: 4.5 to 1, large ones 3 to 1.
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.textContent.trim() || seen.has(e) || !e.checkVisibility() || /^(SCRIPT|STYLE|OPTION)$/i.test(e.tagName)) continue;
    seen.add(e);
    const s = getComputedStyle(e), size = parseFloat(s.fontSize);
    const colour = rgb(e.closest('svg') ? s.fill : s.color);
    const large = size >= 24 || size >= 18.66 && s.fontWeight >= 700;
    if (contrast(colour, behind(e)) < (large ? 3 : 4.5)) say('too little contrast', e);
  }
  // Lines of pictures: 3 to 1, except for what only guides the eye.
  for (const e of document.querySelectorAll('path')) {
    const s = getComputedStyle(e);
    if (s.stroke !== 'none' && !/^(grid|part)$/.test(e.getAttribute('class')) && contrast(rgb(s.stroke), behind(e)) < 3) say('line with too little contrast', e);
    if (s.stroke === 'none' && s.fill === 'none') say('line that cannot be seen', e);
  }
  // Nothing goes out of the page, nothing is written over something else.
  const wide = document.scrollingElement.scrollWidth;
  if (wide > innerWidth) say('the page is ' + wide + ' wide on a screen of ' + innerWidth, document.body);
  for (const svg of document.querySelectorAll('svg.p')) {
    if (!svg.checkVisibility()) continue;
    const boxes = [...svg.querySelectorAll('text')].map(e => ({ e, r: e.getBoundingClientRect() }));
    boxes.forEach(({ e, r }, i) => {
      if (r.left < -1 || r.right > innerWidth + 1) say('text that is cut off', e);
      for (const o of boxes.slice(i + 1))
        if (Math.min(r.right, o.r.right) - Math.max(r.left, o.r.left) > 1 && Math.min(r.bottom, o.r.bottom) - Math.max(r.top, o.r.top) > 3) say('text over "' + o.e.textContent + '"', e);
    });
  }
  for (const e of document.querySelectorAll('th, td, dd, dt, pre, h1, h2, h3, p'))
    if (e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline' && !e.closest('.wide')) say('text that leaves its place', e);
  // Structure.
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  ids.forEach((id, i) => ids.indexOf(id) < i && found.push('two elements have the ID ' + id));
  for (const e of document.querySelectorAll('a[href^="#"]')) if (!document.getElementById(decodeURIComponent(e.hash.slice(1)))) say('link to nothing', e);
  for (const e of document.querySelectorAll('th')) if (!e.scope) say('header without a scope', e);
  for (const e of document.querySelectorAll('svg.p')) if (!e.getAttribute('aria-label')) say('picture without a description', e);
  let level = 0;
  for (const e of document.querySelectorAll('h1, h2, h3, h4')) { const l = +e.tagName[1]; if (l > level + 1) say('heading that skips a level', e); level = l; }
  for (const tag of ['main', 'header', 'nav', 'title']) if (document.querySelectorAll(tag).length !== 1) found.push('there is not one ' + tag);
  if (!document.documentElement.lang) found.push('the language is not said');
  return found;
})();
