"""Settings for all tests: Keras on JAX, no silent promotion, nothing printed in colour."""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ["NO_COLOR"] = "1"
os.environ["XDG_CACHE_HOME"] = os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp()
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax

jax.config.update("jax_numpy_dtype_promotion", "strict")
