"""A short run of the kill campaign: `cargo xtask kill` is the long one."""

import unittest

from kill import Campaign


class Kills(unittest.TestCase):
    def test_what_was_acknowledged_survives_kills_at_random_moments_once(self):
        campaign = Campaign(clients=3, seed=7)
        self.addCleanup(campaign.close)
        campaign.run(8, pauses=(0.1, 1.5), say=lambda _: None)
        print(campaign.summary())
        self.assertGreater(campaign.acknowledged(), 20, "too little was sent to show anything")
        self.assertGreater(campaign.replayed, 0, "nothing had to be replayed")


if __name__ == "__main__":
    unittest.main()
