"""A model as OpenVINO's file format (IR), in memory, with a mark on the operations that are to keep their precision.

Only that format lets Python set the mark, and OpenVINO itself writes it to the disk alone: 15 MB for each size, where there may be no room.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

_PRECISIONS = {"f32": "FP32", "i64": "I64"}
_TYPES = {"Constant": "Const", "Relu": "ReLU"}  # by their names there, where these differ


def marked(model: Any, exact: Iterable[str]) -> tuple[bytes, NDArray[np.uint8]]:
    """(XML, constants) of a model of fixed shapes. exact: names of the operations that are to be marked."""
    ops, exact, constants = model.get_ordered_ops(), set(exact), bytearray()
    number = {op.get_friendly_name(): str(index) for index, op in enumerate(ops)}
    net = ElementTree.Element("net", name="rvm", version="11")
    layers, edges = ElementTree.SubElement(net, "layers"), ElementTree.SubElement(net, "edges")
    for op in ops:
        name = op.get_friendly_name()
        kind = op.get_type_info()
        layer = ElementTree.SubElement(
            layers, "layer", id=number[name], name=name, type=_TYPES.get(kind.name, kind.name), version=kind.version_id
        )
        ElementTree.SubElement(layer, "data", _attributes(op, constants))
        if name in exact:
            about = ElementTree.SubElement(layer, "rt_info")
            ElementTree.SubElement(about, "attribute", name="DisablePrecisionConversion", version="0", value="dynamic:f16,bf16")
        _add_ports(layer, op)
        _add_edges(edges, op, number)
    return ElementTree.tostring(net), np.frombuffer(constants, np.uint8)


def _attributes(op: Any, constants: bytearray) -> dict[str, str]:
    """An operation's, as text. A constant's numbers are appended to the others'."""
    attributes = {name: _text(value) for name, value in op.get_attributes().items()}
    if op.get_type_name() == "Constant":
        data = op.data.tobytes()
        attributes |= {"offset": str(len(constants)), "size": str(len(data))}
        constants += data
    return attributes


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _add_ports(layer: ElementTree.Element, op: Any) -> None:
    """Inputs are numbered first, outputs go on from there."""
    for group, ports, first in (("input", op.inputs(), 0), ("output", op.outputs(), op.get_input_size())):
        if not ports or (group == "output" and op.get_type_name() == "Result"):
            continue
        parent = ElementTree.SubElement(layer, group)
        for index, port in enumerate(ports, first):
            about = {"id": str(index), "precision": _PRECISIONS[port.get_element_type().get_type_name()]}
            if group == "output" and port.get_names():
                about["names"] = ",".join(sorted(port.get_names()))
            place = ElementTree.SubElement(parent, "port", about)
            for side in port.get_shape():
                ElementTree.SubElement(place, "dim").text = str(side)


def _add_edges(edges: ElementTree.Element, op: Any, number: dict[str, str]) -> None:
    for index in range(op.get_input_size()):
        source = op.input_value(index)
        maker = source.get_node()
        places = {
            "from-layer": number[maker.get_friendly_name()],
            "from-port": str(maker.get_input_size() + source.get_index()),
            "to-layer": number[op.get_friendly_name()],
            "to-port": str(index),
        }
        ElementTree.SubElement(edges, "edge", places)
