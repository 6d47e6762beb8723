import os

# The matrices are small and the server has threads of its own. It counts only before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
