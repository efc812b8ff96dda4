"""A network that was never trained, as a file that `export` might have written."""

import json
from pathlib import Path

from tests.planted.engines import CLASSES


def colours_onnx(path: Path, size: int = 12) -> Path:
    """Write a network that gives red, green and blue their shares of a square."""
    import onnx
    from onnx import TensorProto, helper

    card = {
        "class_names": json.dumps(CLASSES),
        "crop": "square",
        "image_size": str(size),
        "square_size": str(size),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["float", "sides"], ["sums"], keepdims=0),
        helper.make_node("ReduceSum", ["sums", "colours"], ["total"], keepdims=1),
        helper.make_node("Div", ["sums", "total"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [
            helper.make_tensor("sides", TensorProto.INT64, [2], [1, 2]),
            helper.make_tensor("colours", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, card)
    onnx.save(model, path)
    return path
