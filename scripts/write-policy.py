#!/usr/bin/env python3
"""Puts the checksums of the built page's own inline scripts into its Content-Security-Policy; run by Trunk after a build."""
import base64
import hashlib
import os
import pathlib
import re

page = pathlib.Path(os.environ["TRUNK_STAGING_DIR"], "index.html")
text = page.read_text()
scripts = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", text, re.DOTALL)
sums = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
assert "INLINE-SCRIPTS" in text, "index.html has no policy"
page.write_text(text.replace("INLINE-SCRIPTS", " ".join(f"'sha256-{sum}'" for sum in sums)))
