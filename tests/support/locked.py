"""A folder with a dvc.lock, as `dvc repro` leaves it, and parameters to compare with it."""

from pricefuse.pipeline.params import read_params

from paths import ROOT

LOCK = """schema: '2.0'
stages:
  clean:
    cmd: python stages/clean.py
    deps:
    - path: data/raw/demo
      hash: md5
      md5: 2b00042f7481c7b056c4b410d28f33cf.dir
      size: 5
      nfiles: 1
    outs:
    - path: data/clean/products.parquet
      hash: md5
      md5: d41d8cd98f00b204e9800998ecf8427e
      size: 0
  embed_gemma:
    cmd: python stages/embed_gemma.py
    params:
      params.yaml:
        embed_gemma.model: packaged:all-MiniLM-L6-v2
"""
DATA = ("data/embeddings/gemma", "data/embeddings/clip_text")


def params(**changes):
    return read_params(ROOT / "params.yaml").model_copy(update=changes)


def with_remote(folder):
    (folder / ".dvc/config.local").write_text("['remote \"team\"']\n    url = /shared\n")


def with_outputs(folder):
    for name in DATA:
        (folder / name).mkdir(parents=True)
