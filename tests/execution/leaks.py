"""Plugins that change the state of their process, each in another way."""

import textwrap

#: Statement of each plugin, by name, which runs when its module is imported and when it is fitted.
SETTINGS = {
    "dtype": "torch.set_default_dtype(torch.float64)",
    "gradients": "torch.set_grad_enabled(False)",
    "floats": "np.seterr(all='raise')",
    "warnings": "warnings.simplefilter('error')",
    "folder": "os.chdir('/')",
    "environment": "os.environ.update(OMP_NUM_THREADS='7', CUDA_VISIBLE_DEVICES='', TMPDIR='/nowhere', PATH='')",
    "signals": "[signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]",
    "output": "sys.stdout.close(), sys.stderr.close(), os.closerange(1, 2)",
    "generators": "np.random.seed(0), torch.manual_seed(0), random.seed(0), torch.use_deterministic_algorithms(True)",
    "path": "sys.path.insert(0, '/nowhere')",
}
#: Statement of each plugin that runs when it is fitted, and that no other process would survive.
ACTS = {
    "patches": "KMeans.fit = np.random.seed = torch.nn.Linear.forward = lambda *_: 1 / 0",
    "threads": "threading.Thread(target=time.sleep, args=(1000,)).start(), torch.set_num_threads(3)",
    "exits": "atexit.register(os._exit, 9)",
    "alarm": "signal.signal(signal.SIGALRM, signal.SIG_DFL), signal.alarm(30)",
    "forks": "os.fork(), subprocess.Popen(['sleep', '1000'])",
    "sleepers": "os.fork() or time.sleep(1000)",
    "interrupts": "os.kill(os.getpid(), signal.SIGINT)",
}
#: Statement of each plugin that ends its fit, and the last line of the error in its record.
RAISES = {
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "deaf": ("signal.signal(signal.SIGINT, signal.default_int_handler); raise KeyboardInterrupt", "KeyboardInterrupt"),
    "exit": ("sys.exit(0)", "SystemExit: 0"),
    "generator": ("raise GeneratorExit", "GeneratorExit"),
    "base": ("raise BaseException('odd')", "BaseException: odd"),
    "dies": ("os._exit(0)", "the worker process died (exit code 0), 3 times"),
}

PLUGIN = """
    import atexit, os, random, signal, subprocess, sys, threading, time, warnings
    import numpy as np
    import torch
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.cluster import KMeans

    {at_import}

    class Leak(ClusterMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.labels_ = np.arange(len(X)) % 2
            {in_fit}
            return self
"""


def write_leaks(folder):
    """Write every plugin into a folder; return their entries for a suite."""
    folder.mkdir(exist_ok=True)
    acts = {**ACTS, **{name: act for name, (act, _) in RAISES.items()}}
    texts = {name: PLUGIN.format(at_import=act, in_fit=act) for name, act in SETTINGS.items()}
    texts |= {name: PLUGIN.format(at_import="", in_fit=act) for name, act in acts.items()}
    for name, text in texts.items():
        (folder / f"leak_{name}.py").write_text(textwrap.dedent(text))
    return [f"{folder}/leak_{name}.py:Leak" for name in texts]
