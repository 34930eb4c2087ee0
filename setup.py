"""The wheel that goes into the pex; what it runs on is in requirements.txt, with hashes."""

from setuptools import find_packages, setup

PACKAGES = ("bot", "luggage", "bot_deploy")

setup(
    name="portmanteau",
    version="0.1.0",
    description="A self-hosted GitHub bot that never loses a delivery and never says a thing twice",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=[f"{name}{rest}" for name in PACKAGES for rest in ("", ".*")]),
    package_data={"": ["py.typed", "*.toml", "templates/bot/*.html", "static/*"]},
)
