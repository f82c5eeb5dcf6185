const KINDS = [['video', 'Camera'], ['audio', 'Microphone']];

/**
 * A list of cameras and one of microphones, where there is anything to choose.
 *
 * @param {import('./equipment.js').Equipment} equipment
 * @param {HTMLElement} place what to put them into
 */
export function mountPickers(equipment, place) {
  for (const [kind, title] of KINDS) {
    const label = document.createElement('label');
    const select = document.createElement('select');
    select.id = `${place.id}-${kind}`;
    label.htmlFor = select.id;
    label.textContent = title;
    const row = document.createElement('div');
    row.className = 'picker';
    row.append(label, select);
    place.append(row);
    select.addEventListener('change', () => equipment.choose(kind, select.value));
    const render = () => draw(row, select, equipment.choices(kind));
    equipment.addEventListener('change', render);
    render();
  }
}

function draw(row, select, choices) {
  row.hidden = choices.length === 0;
  const drawn = [...select.options].map(({ value, text }) => `${value} ${text}`).join('\n');
  const wanted = choices.map(({ id, label }) => `${id} ${label}`).join('\n');
  // Drawn again only where they differ: a list that someone has open would close.
  if (drawn !== wanted) select.replaceChildren(...choices.map(({ id, label }) => new Option(label, id)));
  const chosen = choices.find(({ isChosen }) => isChosen);
  if (chosen) select.value = chosen.id;
}
