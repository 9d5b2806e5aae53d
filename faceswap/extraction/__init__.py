"""From footage to facesets."""
