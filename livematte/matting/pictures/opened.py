"""Engines of the networks that look at one picture at a time, from their files: MODNet, a network of the user's own, an installed one."""

from __future__ import annotations

from pathlib import Path

from livematte.engines.graphs import open_graph
from livematte.errors import SettingsError, WeightsError
from livematte.matting.pictures.network import Network, Wish
from livematte.matting.pictures.own import Recognised, recognise
from livematte.matting.pictures.picture import OwnPlateEngine, PictureEngine
from livematte.matting.pictures.segment import LEVELS, Scores, chosen_classes
from livematte.matting.pictures.sidecar import read_sidecar
from livematte.networks import modnet_input
from livematte.weights.families import family_of


def open_modnet(
    path: Path, *, device: str = "auto", precision: str = "auto", runtime: str = "auto", threads: int | None = None
) -> PictureEngine:
    """path: the author's checkpoint, or an ONNX export of it. Errors as of open_graph; WeightsError for another network's file."""
    wish = Wish(modnet_input.MEAN, modnet_input.STD, multiple=modnet_input.MULTIPLE, usual=modnet_input.network_size)
    if path.suffix.lower() == ".onnx":
        if (family := family_of(path)) != "modnet":
            raise WeightsError(
                f"{path} holds another network{'' if family == 'onnx' else f' ({family})'}; wanted MODNet\nTry --model {path}"
            )
        graph = open_graph(path, device=device, precision=precision, runtime=runtime, threads=threads)
    else:
        from livematte.networks.modnet import MODNet
        from livematte.weights.published import filled

        graph = open_graph(filled(MODNet(), path, what="MODNet"), device=device, precision=precision, runtime=runtime, threads=threads)
    return PictureEngine(Network(graph, wish))


def open_own(
    path: Path,
    *,
    wanted: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    threads: int | None = None,
) -> PictureEngine | OwnPlateEngine:
    """path: one of graphs.SUFFIXES, with a sidecar beside it where that is needed. wanted: the class, of one that gives scores.

    Errors as of open_graph and recognise."""
    told = read_sidecar(path)
    graph = open_graph(path, device=device, precision=precision, runtime=runtime, threads=threads)
    try:
        found: Recognised = recognise(graph, told, wanted=wanted)
        if wanted is not None and found.kind != "classes":
            raise SettingsError(f"--class: got {wanted!r}, but {path.name} has no classes: it gives one alpha")
    except Exception:
        graph.close()
        raise
    if found.kind == "plate":
        return OwnPlateEngine(found.network, levels=found.levels)
    return PictureEngine(found.network, levels=found.levels, coarse=found.kind == "classes")


def open_installed(
    model: str,
    path: Path,
    *,
    wanted: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    threads: int | None = None,
) -> PictureEngine:
    """model: torchvision:NAME or smp:NAME:ENCODER; path: its weights; wanted: the class. Errors as of build_installed and open_graph."""
    from livematte.matting.pictures.installed import build_installed

    net, count, wish = build_installed(model, path)
    read = Scores((0,), "sigmoid") if count == 1 else Scores(chosen_classes(wanted, count))
    graph = open_graph(net, device=device, precision=precision, runtime=runtime, threads=threads)
    return PictureEngine(Network(graph, wish, read=read), levels=LEVELS, coarse=True)
