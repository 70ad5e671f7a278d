"""An action that turns a photograph to greyscale, with Pillow from its own archive."""

import base64
import io

from PIL import Image


def main(args):
    """Take {"image": base64}, answer {"image": base64, "width": n, "height": n}."""
    photo = Image.open(io.BytesIO(base64.b64decode(args["image"])))
    print(f"read a {photo.format} of {photo.width} x {photo.height}")
    grey = photo.convert("L").convert("RGB")
    out = io.BytesIO()
    grey.save(out, "PNG")
    print(f"wrote {out.tell()} bytes")
    return {
        "image": base64.b64encode(out.getvalue()).decode(),
        "width": grey.width,
        "height": grey.height,
    }
