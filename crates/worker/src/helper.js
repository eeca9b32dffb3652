// A thread that helps the CPU's engine (helpers.rs has this text): the engine's own program once more, on the same memory,
// with a stack of its own. It only computes (prunescope_kernels::threads); whatever else the program would ask of a browser is refused.
onmessage = async ({ data }) => {
  let program;
  try {
    program = started(data);
  } catch (error) {
    // The engine does without.
    console.warn(`a thread did not start: ${error}`);
    return;
  }
  const words = new Int32Array(data.memory.buffer);
  try {
    program.engine_join();
    for (;;) {
      const state = program.engine_help();
      // Asleep in its loop of events a worker ends at once with its page; otherwise a browser waits for it, and keeps its memory.
      if (Atomics.waitAsync) await Atomics.waitAsync(words, data.state / 4, state).value;
      else Atomics.wait(words, data.state / 4, state);
    }
  } catch (error) {
    // The engine may wait for what will not come.
    Atomics.store(words, data.failed / 4, 1);
    console.warn(`a thread failed: ${error}`);
  }
};

function started({ module, memory, stack, relaxed_simd, table, places }) {
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = kind === "memory" ? memory : () => { throw new Error(`a thread asked for ${name}`); };
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  exports.__stack_pointer.value = stack;
  if (relaxed_simd) {
    // In the same places of its own table of functions as in the engine's.
    const [functions, loops] = [exports[table], new WebAssembly.Instance(relaxed_simd, { env: { memory } }).exports];
    functions.grow(Math.max(...Object.values(places)) + 1 - functions.length);
    for (const [name, place] of Object.entries(places)) functions.set(place, loops[name]);
  }
  return exports;
}
