// A thread that helps the CPU's engine: the engine's own program once more, on the same memory, with a stack of its own. It only
// computes (src/kernel/threads.rs); whatever else the program would ask of a browser is refused.
onmessage = ({ data: { module, memory, stack, failed, fused, table, place } }) => {
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === "memory" ? memory : () => { throw new Error(`a helper asked for ${name}`); };
  }
  try {
    const { exports } = new WebAssembly.Instance(module, imports);
    exports.__stack_pointer.value = stack;
    if (fused) {
      const { add_products } = new WebAssembly.Instance(fused, { env: { memory } }).exports;
      const functions = exports[table];
      functions.grow(place + 1 - functions.length);
      functions.set(place, add_products);
    }
    exports.engine_help();
  } catch (error) {
    Atomics.store(new Int32Array(memory.buffer), failed / 4, 1);
    throw error;
  }
};
