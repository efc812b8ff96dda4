import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import beta, kstest

from cervix_tf.data import cutmix, mixup

SIZE = 24


def batch(count=16, epoch=0):
    """Images of one colour each, so that every pixel tells whose it is."""
    images = np.broadcast_to(np.arange(count)[:, None, None, None], (count, SIZE, SIZE, 3))
    one_hot = np.eye(count, dtype="float32")
    keys = np.stack([np.full(count, epoch), np.arange(count)], 1).astype("int32")
    return images.astype("float32"), one_hot, keys


def test_mixup_blends_images_and_labels_by_the_same_share():
    images, one_hot, keys = batch()
    mixed, labels = (np.asarray(a) for a in mixup(images, one_hot, keys, alpha=0.4))
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    assert ((labels > 0).sum(1) <= 2).all()
    # With a label for every image, the label is the recipe of the image.
    np.testing.assert_allclose(mixed, np.einsum("nk,khwc->nhwc", labels, images), atol=1e-4)


def test_cutmix_labels_are_the_areas_seen():
    for epoch in range(10):
        images, one_hot, keys = batch(epoch=epoch)
        mixed, labels = (np.asarray(a) for a in cutmix(images, one_hot, keys, alpha=1.0))
        for k, image in enumerate(mixed):
            shares = np.bincount(image[..., 0].astype(int).ravel(), minlength=16) / SIZE**2
            np.testing.assert_allclose(labels[k], shares, atol=1e-6)
            assert np.ptp(image, axis=2).max() == 0
            rows, columns = np.nonzero(image[..., 0] != k)
            if len(rows):
                area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
                assert area == len(rows), "what is pasted is a rectangle"


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_follow_the_beta_distribution(alpha):
    shares = []
    for epoch in range(60):
        _, labels = mixup(*batch(epoch=epoch), alpha=alpha)
        shares.append(np.diag(np.asarray(labels)))
    assert kstest(np.concatenate(shares), beta(alpha, alpha).cdf).pvalue > 1e-4


def test_cutmix_keeps_what_the_distribution_says_but_for_the_border():
    kept = [np.diag(np.asarray(cutmix(*batch(epoch=e), alpha=1.0)[1])) for e in range(60)]
    kept = np.concatenate(kept)
    assert kept.min() < 0.2
    assert kept.max() > 0.99
    # A rectangle of c times the side, c^2 uniform, covers c - c^2/4 of an axis in the mean.
    assert kept.mean() == pytest.approx(1 - (1 / 2 - 1 / 5 + 1 / 48), abs=0.03)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_keys_and_seed_decide(mix):
    images, one_hot, keys = batch()
    one = mix(images, one_hot, keys, alpha=0.5, seed=3)
    two = tf.function(lambda: mix(images, one_hot, keys, alpha=0.5, seed=3))()
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(mix(images, one_hot, keys, alpha=0.5, seed=4)[1] - one[1]).max() > 0.1
    assert np.abs(mix(images, one_hot, keys + 1, alpha=0.5, seed=3)[1] - one[1]).max() > 0.1
