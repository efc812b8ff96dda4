import base64

import cv2
import numpy as np

from cervix_tf.pages.pictures import thumbnails


def test_whole_photographs_in_small(tmp_path, photograph):
    wide = photograph(tmp_path / "wide.jpg", size=(300, 800))
    small = photograph(tmp_path / "small.jpg", size=(40, 30))
    (tmp_path / "empty.jpg").write_bytes(b"")
    done = thumbnails([str(wide), str(small), str(tmp_path / "empty.jpg"), str(wide)], side=100)
    assert done[str(tmp_path / "empty.jpg")] is None
    assert len(done) == 3
    shapes = []
    for path in (wide, small):
        address = done[str(path)]
        assert address.startswith("data:image/jpeg;base64,")
        data = base64.b64decode(address.partition(",")[2])
        shapes.append(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape)
    assert shapes == [(38, 100, 3), (40, 30, 3)]
