// Numbers and shapes in words, digit for digit as Python writes them in figures and sentences.

export function num(v, digits = 4) {
  if (typeof v === "boolean") return v ? "True" : "False";
  if (!Number.isFinite(v)) return v > 0 ? "inf" : v < 0 ? "−inf" : "nan";
  let [text, power] = v.toExponential(digits - 1).split("e");
  const long = v.toExponential(digits + 40).split("e")[0], cut = text.length;
  if (/^50*$/.test(long.slice(cut)) && /[13579]$/.test(text)) text = long.slice(0, cut); // a tie goes to the even digit
  const plain = power >= -4 && power < digits;
  if (plain) text = Number(text + "e" + power).toFixed(Math.max(digits - 1 - power, 0));
  if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return (plain ? text : `${text}e${Number(power)}`).replaceAll("-", "−");
}

export const sign = (v) => (v > 0 ? "plus" : v < 0 ? "minus" : v === 0 ? "zero" : "warn");
export const signed = (v) => (v > 0 ? "▲ " : v < 0 ? "▼ " : "") + num(v);
export const term = (v) => (v < 0 ? `(${num(v)})` : num(v));

export const shape = (dims) => (dims.length ? `(${dims.join(", ")}${dims.length > 1 ? "" : ","})` : "scalar");

// A number, or the shape and norm of many; integers in full.
export function shown({ one, dims, norm }, dtype = "float") {
  if (one !== null) return num(one, dtype.startsWith("float") ? 4 : 17);
  return shape(dims) + (norm === null ? "" : `, norm ${num(norm)}`);
}

// What somebody typed as a number; NaN for what is none.
export const typed = (text) => (text.trim() ? Number(text.replace("−", "-").replace(",", ".")) : NaN);
