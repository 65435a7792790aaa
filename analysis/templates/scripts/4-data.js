// The study's tables: Parquet files inside the page, whose columns the page can read (see parquet.py).

const files = new Map();
const tableFile = (key) => {
  if (!files.has(key)) {
    files.set(key, Promise.all([load(`${key}-layout`), bytesOf(`${key}-file`)])
      .then(([{ rows, layout }, bytes]) => ({ rows, layout, bytes })));
  }
  return files.get(key);
};

const texts = (bytes, rows) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const found = [];
  for (let i = 0, at = 0; i < rows; i += 1) {
    const length = view.getUint32(at, true);
    found.push(decoder.decode(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return found;
};

// Every entry as JSON has it: a number, a text, null where it is missing, or what a JSON column holds.
const column = ({ rows, bytes }, { type, split, start, length }) => {
  const values = bytes.subarray(start, start + length);
  if (type === "text") return texts(values, rows).map((text) => (text === "" ? null : text));
  if (type === "json") return texts(values, rows).map((text) => JSON.parse(text));
  const width = type === "int32" ? 4 : 8;
  const whole = new Uint8Array(values); // a copy: typed arrays need an even start
  if (split) {
    for (let k = 0; k < width; k += 1) {
      for (let i = 0; i < rows; i += 1) whole[i * width + k] = values[k * rows + i];
    }
  }
  const numbers = type === "int32" ? new Int32Array(whole.buffer) : new Float64Array(whole.buffer);
  return Array.from(numbers, (value) => (Number.isNaN(value) ? null : value));
};

const columnsOf = (file) => new Map(file.layout.map((entry) => [entry.name, column(file, entry)]));

const quoted = (value) => {
  if (value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const formats = {
  csv: {
    type: "text/csv",
    make(file) {
      const columns = [...columnsOf(file).values()];
      const lines = [file.layout.map(({ name }) => quoted(name)).join(",")];
      for (let i = 0; i < file.rows; i += 1) lines.push(columns.map((values) => quoted(values[i])).join(","));
      return `${lines.join("\n")}\n`;
    },
  },
  json: {
    type: "application/json",
    make(file) {
      const columns = [...columnsOf(file)];
      const lines = [];
      for (let i = 0; i < file.rows; i += 1) {
        lines.push(JSON.stringify(Object.fromEntries(columns.map(([name, values]) => [name, values[i]]))));
      }
      return `[\n${lines.join(",\n")}\n]\n`;
    },
  },
  parquet: { type: "application/vnd.apache.parquet", make: ({ bytes }) => bytes },
};

const setUpDownloads = () => {
  for (const group of all(".download")) {
    group.hidden = false;
    for (const button of all("button", group)) {
      button.addEventListener("click", async () => {
        const { type, make } = formats[button.dataset.format];
        const address = URL.createObjectURL(new Blob([make(await tableFile(group.dataset.table))], { type }));
        const link = element("a", { href: address, download: `${facts.file}-${group.dataset.table}.${button.dataset.format}` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(address), 60_000);
      });
    }
  }
};
