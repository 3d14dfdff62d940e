"""The committed description of the API is the one the program serves."""

import json
import unittest

from tawny import ROOT, Server


class OpenApi(unittest.TestCase):
    def test_the_committed_document_is_up_to_date(self):
        with Server() as server:
            served = server.get("/api/v1/openapi.json")
        committed = json.loads((ROOT / "docs" / "openapi.json").read_text())
        self.assertEqual(served, committed, "run `cargo xtask openapi`")


if __name__ == "__main__":
    unittest.main()
