import numpy as np
import pytest

from cervix_tf.errors import UserError
from cervix_tf.segmentation.annotations import label_tools
from cervix_tf.segmentation.annotations.shapes import Polygon, drawn

SQUARE = [[10, 5], [30, 5], [30, 25], [10, 25]]  # of a picture of 40 x 30 pixels


def expected():
    mask = np.zeros((30, 40), bool)
    mask[5:25, 10:30] = True
    return mask


def mask_of(picture):
    assert picture.size == (30, 40)
    return drawn([shape for _, shape in picture.shapes], (30, 40), (30, 40))


def labelme(*shapes):
    drawings = [
        {"label": "cervix", "points": points, "shape_type": kind} for kind, points in shapes
    ]
    size = {"imageHeight": 30, "imageWidth": 40}
    (picture,) = label_tools.labelme({"imagePath": "..\\a.jpg", "shapes": drawings, **size}, "f")
    return picture


def test_labelme():
    assert np.array_equal(mask_of(labelme(("polygon", SQUARE), ("line", SQUARE[:2]))), expected())
    (label, shape), *_ = labelme(("rectangle", [[30, 5], [10, 25]])).shapes
    assert (label, shape.sides) == ("cervix", (10, 5, 20, 20))
    disc = mask_of(labelme(("circle", [[20, 15], [20, 5]])))
    assert disc.sum() == pytest.approx(np.pi * 100, rel=0.03)
    with pytest.raises(
        UserError, match="f: number 1 of its shapes, of .*: a shape of the kind 'mask' is not read"
    ):
        labelme(("mask", SQUARE))


def result(kind, **value):
    size = {"original_width": 40, "original_height": 30, "image_rotation": 0}
    return {"type": kind, "value": {kind: ["cervix"], **value}, **size}


def task(*results, image="/data/upload/3/0a1b2c3d-a%20b.jpg", **more):
    return {
        "id": 1,
        "data": {"note": "seen. x", "image": image},
        "annotations": [{"result": list(results)}],
        **more,
    }


def packed(values):
    """Bits as `rle-pack` writes them: lengths of 3, 4, 8 and 16 bits, runs of like values."""
    bits = f"{len(values):032b}" + f"{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
        if end - start < 3:
            bits += f"000{end - start - 1:03b}" + f"{values[start]:08b}" * (end - start)
        else:
            bits += f"111{end - start - 1:016b}{values[start]:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


def test_label_studio():
    per_cent = [[x / 0.4, y / 0.3] for x, y in SQUARE]
    outline, rectangle = (
        result("polygonlabels", points=per_cent),
        result("rectanglelabels", x=25, y=50 / 3, width=50, height=200 / 3, rotation=0),
    )
    choice = {"type": "choices", "value": {"choices": ["good"]}}
    (picture,) = label_tools.label_studio([task(outline, choice)], "f")
    assert picture.name == "/data/upload/3/0a1b2c3d-a b.jpg"
    assert np.array_equal(mask_of(picture), expected())
    (picture,) = label_tools.label_studio(
        [task(rectangle, image="/data/local-files/?d=x/a.jpg")], "f"
    )
    assert picture.name == "x/a.jpg"
    assert picture.shapes[0][1].sides == pytest.approx((10, 5, 20, 20))
    round_ = result("ellipselabels", x=50, y=50, radiusX=25, radiusY=100 / 3)
    (picture,) = label_tools.label_studio([task(round_)], "f")
    assert isinstance(picture.shapes[0][1], Polygon)
    # The last annotation that was not cancelled counts; without one nobody has looked yet.
    several = [
        {"result": [rectangle]},
        {"result": []},
        {"result": [outline], "was_cancelled": True},
    ]
    (picture,) = label_tools.label_studio([task(annotations=several)], "f")
    assert picture.shapes == []
    assert label_tools.label_studio([task(annotations=several[2:])], "f") == []
    with pytest.raises(UserError, match="turned in the tool"):
        label_tools.label_studio([task({**outline, "image_rotation": 90})], "f")


def test_a_brush_of_label_studio():
    pixels = np.where(expected()[..., None], [9, 9, 9, 255], [0, 0, 0, 0])
    pixels[0, 0] = [255, 7, 7, 0]  # a colour that is not to be seen
    bytes_ = packed(pixels.ravel())
    (picture,) = label_tools.label_studio(
        [task(result("brushlabels", format="rle", rle=bytes_))], "f"
    )
    assert np.array_equal(mask_of(picture), expected())
    with pytest.raises(UserError, match="holds 4800 values, not 4 a pixel"):
        label_tools.brush(bytes_, (30, 41), "f")
    with pytest.raises(ValueError, match="invalid literal"):
        label_tools.brush(bytes_[:40], (30, 40), "f")


def cvat(inside):
    text = f"""<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>
        <meta><task><image name="no"/></task></meta>
        <image id="0" name="x/a.jpg" width="40" height="30">{inside}</image></annotations>"""
    return label_tools.cvat(text.encode(), "f")[0]


def test_cvat():
    points = ";".join(f"{x}.00,{y}.00" for x, y in SQUARE)
    picture = cvat(f'<polygon label="cervix" points="{points}"><attribute name="a">b</attribute>'
                   f'</polygon><tag label="good"/><points label="os" points="3,4"/>')  # fmt: skip
    assert [label for label, _ in picture.shapes] == ["cervix"]
    assert np.array_equal(mask_of(picture), expected())
    rle = ", ".join(["0", *["20", "2"] * 19, "20"])
    picture = cvat(
        f'<mask label="cervix" rle="{rle}, 2" left="10" top="5" width="22" height="20"/>'
    )
    assert np.array_equal(mask_of(picture), expected())
    upright = '<box label="cervix" xtl="10" ytl="5" xbr="30" ybr="25"'
    assert cvat(f"{upright}/>").shapes[0][1].sides == (10, 5, 20, 20)
    turned = cvat('<box label="cervix" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90"/>').shapes[
        0
    ][1]
    assert turned.sides == pytest.approx((15, 5, 10, 20))
    assert cvat("").shapes == []
    with pytest.raises(
        UserError, match="f, x/a.jpg, number 1 of its shapes: a shape of the kind 'cuboid'"
    ):
        cvat('<cuboid label="cervix"/>')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;">]><annotations/>', "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>', "document type"),
        ("<html/>", "not CVAT's"),
        ("<annotations><track/></annotations>", "of a video"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_other_xml_is_refused(text, reason, encoding):
    with pytest.raises(UserError, match=reason):
        label_tools.cvat(text.encode(encoding), "f")


@pytest.mark.parametrize("size", [(0, 40), (30, -40), (None, 40), (True, True), ("a", 40)])
def test_sizes_that_are_none_are_refused(size):
    height, width = size
    one = {"points": SQUARE, "label": "cervix"}
    content = {"imagePath": "a.jpg", "imageHeight": height, "imageWidth": width, "shapes": [one]}
    with pytest.raises(UserError, match="f: its height and width are .*, not in pixels"):
        label_tools.labelme(content, "f")
    if not isinstance(height, bool):
        drawn = result("rectanglelabels", x=25, y=20, width=50, height=50)
        drawn |= {"original_height": height, "original_width": width}
        with pytest.raises(UserError, match="a%20b.jpg|a b.jpg: its height and width"):
            label_tools.label_studio([task(drawn)], "f")
        image = f'<image id="0" name="a.jpg" width="{width}" height="{height}"/>'
        text = f"<annotations>{image}</annotations>"
        with pytest.raises(UserError, match="f, a.jpg: its height and width"):
            label_tools.cvat(text.encode(), "f")


def test_shapes_without_an_area_are_named():
    flat = result("rectanglelabels", x=25, y=20, width=0, height=50)
    with pytest.raises(UserError, match="a b.jpg, number 1 of its results: a box needs a width"):
        label_tools.label_studio([task(flat)], "f")
    whole = '<box label="os" xtl="10" ytl="5" xbr="30" ybr="25"/>'
    with pytest.raises(
        UserError, match="x/a.jpg, number 2 of its shapes: the corners of a polygon"
    ):
        cvat(whole + '<polygon label="os" points="1,1;2,2;3,3"/>')


def test_shapes_without_a_label_are_refused():
    sides = {"x": 25, "y": 20, "width": 50, "height": 50}
    size = {"original_width": 40, "original_height": 30}
    bare = {"id": "r", "type": "rectangle", "value": sides, **size}
    named = {"id": "r", "type": "labels", "value": {**sides, "labels": ["cervix"]}, **size}
    (picture,) = label_tools.label_studio([task(bare, named)], "f")
    assert [label for label, _ in picture.shapes] == ["cervix"], "of two results of one region"
    text = {**bare, "type": "rectanglelabels", "value": {**sides, "rectanglelabels": "cervix"}}
    (picture,) = label_tools.label_studio([task(text)], "f")
    assert [label for label, _ in picture.shapes] == ["cervix"]
    empty = {**text, "value": {**sides, "rectanglelabels": []}}
    for wrong in (bare, empty):
        with pytest.raises(UserError, match="a shape has no label"):
            label_tools.label_studio([task(wrong)], "f")
    lost = {key: value for key, value in text.items() if not key.startswith("original")}
    with pytest.raises(UserError, match="does not tell of how large a picture"):
        label_tools.label_studio([task(lost)], "f")
    with pytest.raises(UserError, match="a box has no label"):
        cvat('<box xtl="10" ytl="5" xbr="30" ybr="25"/>')
