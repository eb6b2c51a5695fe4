"""npm packages for tests that drive them unchanged. Where npm cannot install them, the test is skipped."""
import os
import shutil
import subprocess

from tap import ROOT, skip_all


def install(name, *packages):
    """Installs packages (as name@major) into build/NAME and returns that folder."""
    if not shutil.which("node") or not shutil.which("npm"):
        skip_all("node and npm are not installed")
    folder = os.path.join(ROOT, "build", name)
    if all(os.path.isdir(os.path.join(folder, "node_modules", package.rsplit("@", 1)[0])) for package in packages):
        return folder
    os.makedirs(folder, exist_ok=True)
    command = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        skip_all(f"npm cannot install {packages[0]}: no answer in time")
    if done.returncode:
        skip_all(f"npm cannot install {packages[0]}: " + " ".join((done.stderr or done.stdout).split())[:200])
    return folder
