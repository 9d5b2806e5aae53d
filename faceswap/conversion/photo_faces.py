"""The faces of photos, found in each photo independently."""

from collections.abc import Iterator

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.frame_targets import assign_photos
from faceswap.conversion.faces.guided_frames import guide_photos
from faceswap.conversion.faces.source_faces import FramesWithFaces, faces_of_frames, find_faces
from faceswap.conversion.swap.swapper import Swapper
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource


def faces_of_photos(
    frames: Iterator[Frame],
    hashed: HashedSource,
    faces: Faceset | FaceFinding,
    swapper: Swapper,
    assignment: Assignment,
) -> FramesWithFaces:
    """Photos with their faces, which have guides where the model needs them.

    Args:
        frames: Photos.
        hashed: Their source.
        faces: Faceset of the source, or how its faces are found.
        swapper: Swapper of the faces.
        assignment: Assignment of target identities to them.
    """
    if isinstance(faces, FaceFinding):
        found = assign_photos(find_faces(frames, "images", faces.new_tracker()), assignment)
    else:
        device = str(next(swapper.loaded.model.parameters()).device)
        found = faces_of_frames(frames, faces, hashed, device, meshes=swapper.needs_mesh)
        found = assign_photos(found, assignment, faces)
    return guide_photos(found, swapper.guidance) if swapper.guided else found
