"""when an article's link was asked last."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('article', sa.Column('link_asked_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('article', 'link_asked_at')
