import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from features.build import catalogue
from features.catalogue.entries import peer_entries


def test_each_deviation_has_words_in_both_languages_and_the_reason_of_its_feature():
    settings = load_settings("demo")
    features = catalogue(settings)
    entries = peer_entries(settings, features)
    assert len(entries) == 2 * len(settings.training.peers)
    row = entries["product_held_vs_branch"]
    assert row.group == features["product_held"].group
    assert row.phrase == {
        "en": "number of products held, beside the average of customers of the same branch",
        "zh": "持有产品数（与同网点客户均值之差）",
    }


def test_an_unknown_feature_names_the_nearest():
    settings = load_settings("demo", {"training": {"peers": ["product_hold"]}})
    with pytest.raises(ConfigError, match=r"training\.peers: no feature 'product_hold'.*product_held"):
        peer_entries(settings, catalogue(settings))
