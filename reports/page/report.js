// Search and filter. The page says everything without this.
(() => {
  const form = document.getElementById('filter'), search = document.getElementById('search');
  const verdict = document.getElementById('verdict'), shown = document.getElementById('shown');
  const claims = [...document.querySelectorAll('.claim')].map(e => ({ e, text: e.textContent.toLowerCase() }));
  const rows = claims.filter(c => c.e.tagName === 'TBODY').length;
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const c of claims) {
      const fits = (!verdict.value || c.e.dataset.v === verdict.value) && words.every(w => c.text.includes(w));
      c.e.hidden = !fits;
      if (fits && c.e.tagName === 'TBODY') n++;
    }
    for (const part of document.querySelectorAll('section.part')) part.hidden = !part.querySelector('.claim:not([hidden])');
    shown.textContent = n === rows ? '' : n + ' of ' + rows + ' claims';
  };
  form.hidden = false;
  form.addEventListener('input', apply);
  form.addEventListener('submit', e => e.preventDefault());
  document.addEventListener('keydown', e => {
    if (e.key === '/' && !/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) { e.preventDefault(); search.focus(); }
    if (e.key === 'Escape' && e.target === search) { search.value = ''; apply(); }
  });
  // A link to a spec opens what it is in, and shows it although a filter hides it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest('[hidden]')) { search.value = verdict.value = ''; apply(); }
    for (let e = target; e; e = e.parentElement) if (e.tagName === 'DETAILS') e.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  reveal();
})();
