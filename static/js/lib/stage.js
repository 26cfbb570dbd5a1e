// How pictures of several cameras share their place, so that all keep their shape.

const ONE_COLUMN = 4; // so many small ones are drawn in one column; more of them in two

/** One large picture and the others beside it, in rows as high as they come out; on a phone under it. */
export function shape(stage, count) {
  const others = Math.max(1, count - 1);
  const beside = others > ONE_COLUMN ? 2 : 1;
  const rows = Math.ceil(others / beside);
  stage.dataset.count = String(count);
  const sizes = { "--rows": rows, "--beside": beside, "--large": `${Math.max(2, beside > 1 ? rows : Math.min(3, rows))}fr`, "--others": Math.min(4, others), "--grid": Math.ceil(Math.sqrt(Math.max(1, count))) };
  for (const [name, value] of Object.entries(sizes)) stage.style.setProperty(name, String(value));
}
