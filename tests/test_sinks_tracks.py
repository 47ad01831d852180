"""Sound, subtitles, chapters and pictures that go along with a clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from media import NTSC, clip
from written import clip as frames
from written import like, packets, play, times
from written import read as read_frames

from livematte.sinks import open_sink
from livematte.sources import open_source

KINDS = ("mov", "mp4", "mkv", "webm")
RICH = {"audio": ("eng", "deu"), "subtitle": "fra", "chapters": True}


def languages(path: Path, kind: str) -> list[str | None]:
    with av.open(str(path)) as file:
        return [s.language for s in file.streams if s.type == kind]


def sound(path: Path, number: int = 0) -> tuple[Fraction, np.ndarray]:
    """(when it starts, its samples) of a file's audio track as a player hears it, mono."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[number]
        decoded = [f for f in file.decode(stream) if f.pts is not None]
        samples = np.concatenate([f.to_ndarray().reshape(-1, f.samples)[0] if f.format.is_planar else f.to_ndarray()[0] for f in decoded])
        return decoded[0].pts * decoded[0].time_base, samples


@pytest.mark.parametrize("kind", ["mov", "mp4", "mkv"])
@pytest.mark.parametrize("source", ["mp4", "mkv"])
def test_sound_is_copied_bit_for_bit(tmp_path: Path, source: str, kind: str) -> None:
    original = clip(tmp_path / f"in.{source}", **RICH)
    play(original, tmp_path / f"out.{kind}")
    for number in (0, 1):
        came, went = packets(original, "audio", number), packets(tmp_path / f"out.{kind}", "audio", number)
        assert [data for _, data in went] == [data for _, data in came]
        late = max(abs(a - b) for (a, _), (b, _) in zip(came, went, strict=True))
        assert late <= Fraction(1, 1000)  # Matroska's unit, on either side


def test_sound_becomes_opus_in_webm_at_the_same_time(tmp_path: Path) -> None:
    original = clip(tmp_path / "in.mp4", frames=30, **RICH)
    play(original, tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as file:
        assert [s.codec_context.name for s in file.streams.audio] == ["opus", "opus"]
    for number in (0, 1):
        came, went = sound(original, number)[1], sound(tmp_path / "out.webm", number)[1]
        length = min(len(came), len(went)) - 2000
        offsets = range(-480, 481, 24)
        likeness = [np.dot(came[1000:length], went[1000 + o : length + o]) for o in offsets]
        assert abs(offsets[int(np.argmax(likeness))]) <= 48  # 1 ms: Matroska's unit
        assert np.corrcoef(came[1000:length], went[1000:length])[0, 1] > 0.95


def sounding(path: Path, codec: str, tone: np.ndarray, *, start: int = 0) -> Path:
    """A second of picture with a stereo track of int16 samples, the first of which is heard at start / 48000 s."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=NTSC, width=64, height=48, pix_fmt="yuv420p")
        track = out.add_stream(codec, rate=48000, layout="stereo")
        heard = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], "s16", "stereo")
        heard.sample_rate, heard.pts, heard.time_base = 48000, start, Fraction(1, 48000)
        for index in range(30):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts, picture.time_base = index, 1 / NTSC
            out.mux(video.encode(picture))
        out.mux([*video.encode(None), *track.encode(heard), *track.encode(None)])
    return path


def first_heard(path: Path) -> Fraction:
    """Seconds at which a file's sound gets loud."""
    start, samples = sound(path)
    return start + Fraction(int(np.argmax(np.abs(samples.astype(float)) > np.abs(samples).max() / 2)), 48000)


TONE = (8000 * np.sin(np.arange(24000) / 10)).astype(np.int16)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_that_starts_late_starts_late(tmp_path: Path, kind: str, codec: str) -> None:
    play(sounding(tmp_path / "in.mov", codec, TONE, start=12000), tmp_path / f"out.{kind}")
    assert abs(first_heard(tmp_path / f"out.{kind}") - Fraction(1, 4)) < Fraction(1, 100)


@pytest.mark.parametrize(("source", "codec", "kind"), [("webm", "libopus", "mov"), ("mkv", "ac3", "webm"), ("mp4", "aac", "webm")])
def test_an_encoders_lead_in_moves_no_sound(tmp_path: Path, source: str, codec: str, kind: str) -> None:
    """Opus begins 6.5 ms before 0, AC-3 5 ms; decoders drop these samples, but not from the times that they give."""
    late = np.concatenate([np.zeros(12000, np.int16), TONE])
    play(sounding(tmp_path / f"in.{source}", codec, late), tmp_path / f"out.{kind}")
    assert abs(first_heard(tmp_path / f"out.{kind}") - Fraction(1, 4)) < Fraction(2, 1000)  # Matroska's unit is 1 ms


@pytest.mark.parametrize("kind", KINDS)
def test_tracks_keep_order_language_and_default(tmp_path: Path, kind: str) -> None:
    original = clip(tmp_path / "in.mp4", **RICH)
    play(original, tmp_path / f"out.{kind}")
    german = "ger" if kind == "mov" else "deu"  # libav's .mov knows German by its other code
    assert languages(tmp_path / f"out.{kind}", "audio") == ["eng", german]
    assert languages(tmp_path / f"out.{kind}", "subtitle") == ["fra"]
    with av.open(str(tmp_path / f"out.{kind}")) as file:
        assert [bool(s.disposition & Disposition.default) for s in file.streams.audio] == [True, False]


@pytest.mark.parametrize("source", ["mp4", "mkv"])
@pytest.mark.parametrize("kind", KINDS)
def test_subtitles_are_in_the_form_of_the_file(tmp_path: Path, source: str, kind: str) -> None:
    play(clip(tmp_path / f"in.{source}", **RICH), tmp_path / f"out.{kind}")
    [(start, data)] = [(t, d) for t, d in packets(tmp_path / f"out.{kind}", "subtitle") if b"hello" in d]
    assert start == Fraction(1, 10)
    assert data.removeprefix(b"\x00\x05") == b"hello"


@pytest.mark.parametrize("kind", KINDS)
def test_chapters_are_kept(tmp_path: Path, kind: str) -> None:
    play(clip(tmp_path / "in.mp4", **RICH), tmp_path / f"out.{kind}")
    with av.open(str(tmp_path / f"out.{kind}")) as file:
        said = [(c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in file.chapters()]
    assert said == [("first", 0, Fraction(1, 10)), ("second", Fraction(1, 10), Fraction(333, 1000))]


@pytest.mark.parametrize("kind", KINDS)
def test_title_and_date_are_kept_and_the_files_own_tags_are_not(tmp_path: Path, kind: str) -> None:
    told = {"title": "A walk", "artist": "somebody", "creation_time": "2024-01-02T03:04:05.000000Z"}
    play(clip(tmp_path / "in.mp4", metadata=told), tmp_path / f"out.{kind}")
    with av.open(str(tmp_path / f"out.{kind}")) as file:
        got = {key.lower(): value for key, value in file.metadata.items()}
    assert told.items() <= got.items()
    assert got.get("major_brand") != "isom" or kind == "mp4"


def test_several_outputs_from_one_pass_do_not_disturb_each_other(tmp_path: Path) -> None:
    original = clip(tmp_path / "in.mp4", frames=20, cover=True, **RICH)
    play(original, *(tmp_path / f"all.{kind}" for kind in KINDS))
    for kind in KINDS:
        play(original, tmp_path / f"one.{kind}")
        for track in ("audio", "subtitle"):
            assert packets(tmp_path / f"all.{kind}", track) == packets(tmp_path / f"one.{kind}", track)


def test_a_cover_picture_goes_along_where_it_can(tmp_path: Path) -> None:
    original = clip(tmp_path / "in.mp4", cover=True)
    with av.open(str(original)) as file:
        jpeg = next(bytes(p) for p in file.demux() if p.stream.disposition & Disposition.attached_pic)
    mp4, mkv, webm = play(original, *(tmp_path / f"out.{kind}" for kind in ("mp4", "mkv", "webm")))
    for sink in (mp4, mkv):
        assert sink.notes == []
        with av.open(sink.name) as file:
            assert [bytes(p) for p in file.demux() if p.size and p.stream.disposition & Disposition.attached_pic] == [jpeg]
    assert webm.notes == ["video track 1 (mjpeg) is left out: .webm cannot hold it"]


def test_attachments_go_along_into_mkv_and_are_told_elsewhere(tmp_path: Path) -> None:
    mkv, mp4 = play(clip(tmp_path / "in.mkv", attachment=True), tmp_path / "out.mkv", tmp_path / "out.mp4")
    assert mkv.notes == []
    assert mp4.notes == ["attachment track 1 (unknown) is left out: .mp4 cannot hold it"]
    with av.open(mkv.name) as file:
        [font] = [s for s in file.streams if s.type == "attachment"]
        assert (font.metadata["filename"], bytes(font.data)) == ("font.ttf", b"a font")


def test_sound_of_mpegts_goes_into_mp4(tmp_path: Path) -> None:
    """Its AAC has its parameters in every packet, an .mp4's in the header."""
    original = clip(tmp_path / "in.ts", frames=20, audio=("eng",))
    play(original, tmp_path / "out.mp4")
    start, samples = sound(tmp_path / "out.mp4")
    assert abs(start) < Fraction(1, 5)
    assert len(samples) > 0.5 * 48000
    assert len(read_frames(tmp_path / "out.mp4")) == 20


def test_animations_and_pictures_have_no_sound(tmp_path: Path) -> None:
    play(clip(tmp_path / "in.mp4", **RICH), tmp_path / "out.gif", tmp_path / "out.zip", tmp_path / "folder")
    with av.open(str(tmp_path / "out.gif")) as file:
        assert [s.type for s in file.streams] == ["video"]


def test_packets_before_the_first_frame_wait(tmp_path: Path) -> None:
    original = clip(tmp_path / "in.mp4", audio=("eng",))
    with av.open(str(original)) as file:
        info = like(tracks=tuple(file.streams.audio))
        waiting = [p for p in file.demux(file.streams.audio[0]) if p.size]
        with open_sink(tmp_path / "out.mp4", like=info) as sink:
            for packet in waiting:
                sink.pass_on(packet)
            for frame in frames():
                sink.send(frame)
    assert [d for _, d in packets(tmp_path / "out.mp4", "audio")] == [d for _, d in packets(original, "audio")]
    assert times(read_frames(tmp_path / "out.mp4")) == times(frames())


@pytest.mark.parametrize("kind", KINDS)
def test_sound_that_goes_back_in_time_is_left_out_and_told(tmp_path: Path, kind: str) -> None:
    original = clip(tmp_path / "in.mp4", audio=("eng",))
    with av.open(str(original)) as file:
        track = file.streams.audio[0]
        sound = [packet for packet in file.demux(track) if packet.size]
        again = [packet for packet in av.open(str(original)).demux(audio=0) if packet.size][3:5]
        with open_sink(tmp_path / f"out.{kind}", like=like(tracks=(track,))) as sink:
            sink.send(frames()[0])
            for packet in [*sound[:6], *again, *sound[6:]]:
                sink.pass_on(packet)
    stamps = [time for time, _ in packets(tmp_path / f"out.{kind}", "audio")]
    assert stamps == sorted(set(stamps))
    assert any("packets of sound or subtitles that were not later are left out" in note for note in sink.notes)


def test_a_time_code_goes_along(tmp_path: Path) -> None:
    original = clip(tmp_path / "in.mov", metadata={"timecode": "10:00:00:00"})
    with open_source(original) as source, open_sink(tmp_path / "out.mov", like=source) as sink:
        assert source.info.notes == ()
        for frame in source:
            sink.send(frame)
    with av.open(str(tmp_path / "out.mov")) as file:
        assert [s.metadata["timecode"] for s in file.streams] == 2 * ["10:00:00:00"]
